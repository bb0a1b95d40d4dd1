"""The table of log events in the README, and every log call in the source."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import ROOT

CONTEXT = {"run", "article", "stage", "type", "rehearsal"}
"""Fields that an event has wherever it comes from, while it is about one."""
_LEVELS = {"debug", "info", "warning", "error"}
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.*)\|$", re.MULTILINE)
_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}


@dataclass(frozen=True)
class Row:
    """What the README says of an event at a level."""

    fields: frozenset[str] | None
    """None: all of something that is told elsewhere."""


@dataclass(frozen=True)
class Said:
    """A log call."""

    where: str
    event: str
    level: str
    fields: frozenset[str]
    spread: bool
    """Whether there may be more, out of a mapping."""


def table() -> dict[tuple[str, str], Row]:
    """Return the rows of the README, by event and level."""
    section = (ROOT / "README.md").read_text("utf-8").split("\n## Logs\n")[1].split("\n## ")[0]
    found = _ROW.findall(section)
    assert len({(event, level) for event, level, *_ in found}) == len(found)
    return {
        (event, level): Row(None if fields.startswith("those of") else frozenset(re.findall(r"`(\w+)`", fields)))
        for event, level, _, fields in found
    }


def calls(folder: Path = ROOT / "qloragen") -> Iterator[Said]:
    """Yield every log call of the modules in `folder`."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        if "get_logger" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
            continue
        yield from (_said(file, node) for node in ast.walk(tree) if _is_log_call(node))


def loggers(folder: Path = ROOT / "qloragen") -> Iterator[str]:
    """Yield the lines of the source by which modules get hold of the library's logger."""
    for file in sorted(folder.rglob("*.py")):
        lines = file.read_text("utf-8").splitlines()
        yield from (line for line in lines if "get_logger()" in line and not line.startswith("def "))


def _is_log_call(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            return True
        case _:
            return False


def _said(file: Path, node: ast.AST) -> Said:
    where = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
    match node:
        case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event))], keywords=keywords):
            assert level in _LEVELS, f"{where}: there is no level {level} in the table"
            names = frozenset(keyword.arg for keyword in keywords if keyword.arg)
            return Said(where, event, level, names, spread=len(names) < len(keywords))
        case _:
            raise AssertionError(f"{where}: an event is a name, written out, and its fields are keywords")


class Listener(logging.Handler):
    """Keeps the library's records while it listens, as any host might that wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def names(self) -> set[str]:
        """What was said at all."""
        return {record.msg for record in self.records}

    def of(self, *events: str) -> list[dict[str, Any]]:
        """Return the fields of the records of some events."""
        return [fields_of(record) for record in self.records if record.msg in events]


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the library has put into a record."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


@contextmanager
def listening(level: str = "DEBUG") -> Iterator[Listener]:
    """Listen to the library's logger within the block."""
    logger, listener = logging.getLogger("qloragen"), Listener()
    before = logger.level
    logger.addHandler(listener)
    logger.setLevel(level)
    try:
        yield listener
    finally:
        logger.setLevel(before)
        logger.removeHandler(listener)
