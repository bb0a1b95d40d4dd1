"""What every test relies on."""

import logging
import os
from pathlib import Path

import anyio.from_thread
import orjson
import pytest
from hypothesis import settings

from .simulated import Simulated

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

SHARED = Path(__file__).resolve().parents[2] / "shared"

LENIENT = orjson.dumps(
    {"actions": dict.fromkeys(("exact_duplicate", "near_duplicate", "twin", "alike", "missing_evidence"), "off")}
).decode()


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch, tmp_path):
    """No knob, key or settings file of the person who runs the tests takes part in them."""
    for name in list(os.environ):
        if name.startswith(("QLORAGEN_", "OPENAI_")):
            monkeypatch.delenv(name)
    # Most tests make records of short articles that say nearly the same, or have one reply for all of them.
    monkeypatch.setenv("QLORAGEN_CHECKS", LENIENT)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_logging_left_behind():
    """A command line that a test runs in its own process configures logging; other tests have none of it."""
    root, ours = logging.getLogger(), logging.getLogger("qloragen")
    handlers, level, our_level = root.handlers, root.level, ours.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def portal():
    with anyio.from_thread.start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def serve(portal):
    """Start servers that answer while the test's own thread waits for a process."""
    servers = []

    def start(**options):
        context = portal.wrap_async_context_manager(Simulated(**options))
        servers.append(context)
        return context.__enter__()

    yield start
    for context in servers:
        context.__exit__(None, None, None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with 8 articles, which `Simulated` makes 8 classifications and 24 records of."""
    file = tmp_path / "articles.jsonl"
    text = "A memtable keeps the newest writes in memory until it is flushed to an SSTable on disk. " * 3
    rows = [{"id": f"a{n}", "title": f"Article {n}", "content": f"Article number {n}. {text}"} for n in range(8)]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return file
