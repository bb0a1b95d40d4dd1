"""Documents whose code blocks are executed: the blocks, and what each language of a block means."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import anyio
import orjson
import pytest

from qloragen.cli import main
from qloragen.settings import load

ROOT = Path(__file__).resolve().parents[1]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FOR_A_SHELL = re.compile(r"[|<>;&$*`(]")


@dataclass(frozen=True)
class Block:
    """A piece of code in a document."""

    line: int
    """Of its fence, from 1."""
    language: str
    text: str


def blocks_of(document: str) -> list[Block]:
    """Return the code blocks of a document, in order."""
    found = [
        Block(document.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in _BLOCK.finditer(document)
    ]
    assert len(found) * 2 == len(re.findall(r"^\s*```", document, re.MULTILINE)), "a fence is indented or has no end"
    return found


def commands_of(block: Block) -> list[str]:
    """Return the commands of a block for a shell: a line each, unless it goes on in the next one."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


Look = Callable[[str, "Reader"], None]


@dataclass
class Reader:
    """Someone who goes through a document from its beginning, in the current folder, and does what it says."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    substitutes: Sequence[tuple[str, str, str]] = ()
    """What is replaced in commands and Python (a regular expression), by what, and why this is harmless."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Commands (by a regular expression) that are not run, and why."""
    shown: Mapping[str, Look | str] = field(default_factory=dict)
    """For each block without a language, by how it begins: what looks at it, or why it is but a sample."""
    names: dict[str, object] = field(default_factory=dict)
    """What Python blocks find, and what they leave behind."""
    printed: str = ""
    """By the last block that was executed."""
    used: set[str] = field(default_factory=set)
    """Substitutes, commands and samples that the document had a use for."""

    def execute(self, block: Block) -> None:
        """Do what a block says. Raises whatever shows that it is not so; AssertionError, where nobody looks at it."""
        by_language: Mapping[str, Callable[[Block], None]] = {
            "sh": self._shell,
            "python": self._python,
            "toml": self._settings,
            "json": self._json,
            "": self._shown,
        }
        assert block.language in by_language, f"nothing executes blocks of {block.language}"
        by_language[block.language](block)
        if block.language in {"sh", "python"}:
            self.printed = self.capture.readouterr().out

    def _substituted(self, text: str) -> str:
        for pattern, replacement, _ in self.substitutes:
            text, count = re.subn(pattern, replacement, text)
            self.used |= {pattern} if count else set()
        return text

    def _shell(self, block: Block) -> None:
        with ExitStack() as background:
            for command in commands_of(block):
                elsewhere = [pattern for pattern in self.elsewhere if re.search(pattern, command)]
                self.used.update(elsewhere)
                if not elsewhere:
                    self._command(self._substituted(command), background)

    def _command(self, command: str, background: ExitStack) -> None:
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.monkeypatch.setenv(name, value)
        elif words[:2] == ["qloragen", "simulate"]:
            background.enter_context(serving([sys.executable, "-m", *words]))
        elif words[0] == "qloragen" and not _FOR_A_SHELL.search(command.partition(" #")[0]):
            code = exit_code(words[1:])
            assert code == 0, f"`{command}` ended with exit code {code}"
        elif words[0] == "make":
            self._in_a_shell(f"make --dry-run -C {ROOT} {shlex.join(words[1:])}")
        else:
            self._in_a_shell(command)

    def _in_a_shell(self, command: str) -> None:
        # Where what is run is installed comes first.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        done = subprocess.run(
            ["/bin/bash", "-eo", "pipefail", "-c", command], check=False, timeout=60, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, f"`{command}` ended with exit code {done.returncode}"

    def _python(self, block: Block) -> None:
        code = compiled(self._substituted(block.text), block.line)
        if code.co_flags & inspect.CO_COROUTINE:
            anyio.run(eval, code, self.names)
        else:
            exec(code, self.names)  # noqa: S102 - the document is ours

    def _settings(self, block: Block) -> None:
        with self.monkeypatch.context() as elsewhere:
            folder = Path(f"settings-{block.line}")
            folder.mkdir()
            elsewhere.chdir(folder)
            Path("qloragen.toml").write_text(self._substituted(block.text), "utf-8")
            load()

    def _json(self, block: Block) -> None:
        orjson.loads(block.text)

    def _shown(self, block: Block) -> None:
        known = [beginning for beginning in self.shown if block.text.startswith(beginning)]
        assert known, "nothing looks at this output; name in `shown` what does, or why it is a sample"
        self.used.add(known[0])
        look = self.shown[known[0]]
        if not isinstance(look, str):
            look(block.text, self)


def exit_code(arguments: Sequence[str]) -> object:
    """Run the command line in this process."""
    try:
        return main(arguments)
    except SystemExit as end:  # of the parser, about a flag that it does not know
        return end.code


def compiled(text: str, line: int) -> CodeType:
    """Compile a block; `await`, `async for` and `async with` may stand outside of functions."""
    code: CodeType = compile(text, f"block of line {line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


@contextmanager
def serving(command: Sequence[str]) -> Iterator[None]:
    """Run a server until the block is left; it says on standard output that it has begun."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), f"`{shlex.join(command)}` did not begin"
            yield
        finally:
            process.terminate()
