"""What every test relies on."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch, tmp_path):
    """No knob, key or settings file of the person who runs the tests takes part in them."""
    for name in list(os.environ):
        if name.startswith(("QLORAGEN_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
