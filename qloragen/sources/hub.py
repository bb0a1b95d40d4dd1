"""Folders of the package `datasets`, as it saves them on disk and as its hub lays them out: what in them is no row.

Beside the rows of a dataset lie files with readable endings: what maps and filters have cached, and the card of the
dataset, which is about the data.
"""

from __future__ import annotations

from pathlib import Path

_STATE = ("state.json", "dataset_info.json")


def beside_the_rows(path: Path) -> bool:
    """Tell whether a file of a dataset's folder is about its rows, and has none itself."""
    if path.suffix == ".arrow" and path.name.startswith("cache-"):
        return any((path.parent / name).exists() for name in _STATE)
    return path.name == "README.md" and _holds_rows(path.parent) and _has_front_matter(path)


def _holds_rows(folder: Path) -> bool:
    return any(any(place.glob("*.parquet")) for place in (folder, folder / "data"))


def _has_front_matter(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(5).splitlines()[:1] == [b"---"]
    except OSError:
        return False
