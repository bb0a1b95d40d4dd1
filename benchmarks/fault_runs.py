"""How one cell of `faults` is run: processes, signals, damage, a small disk, and what is found afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from fault_cells import API_KEY, Cell
from fault_provider import Account, FaultyProvider, article_of, output_of
from unchecked import UNCHECKED

_HERE = Path(__file__).resolve().parent
SILENCE_S = 60.0
"""A process that neither ends nor calls anybody for so long hangs."""
_STEP_S = 0.005
HANGS = "hangs"
OUTPUT = "output.log"
"""What the processes print."""
_DISK, _FULL_S = "64m", 5.0
"""A disk that is full is so for so long after the last call came or was answered."""


@dataclass(frozen=True)
class Peer:
    """One way to do the job."""

    title: str
    command: Callable[[Path, Path, str], list[str]]
    """Articles, folder and base URL to the command line, which is the same to begin and to go on."""
    output: str
    """JSONL of the rows, in the folder."""
    state: str | None
    """Glob of the file that it goes on from; None where it is no single file."""
    classifies: bool = False
    """It makes a call about each article before the one for its row."""


@dataclass(frozen=True)
class Part:
    """What came of one run of the command, or of two at once."""

    exits: tuple[str, ...]
    good: int
    """Articles with a row that is what the model wrote."""
    bad: int
    """Rows that are not: cut, empty, changed, unreadable, a second one."""
    account: Account


@dataclass(frozen=True)
class Found:
    """What came of one cell for one peer."""

    due: int
    first: Part
    then: Part | None
    """The same command again; None where the first part was all there is."""
    in_flight: int = 0
    """Calls in flight when a signal was sent."""
    key_in: tuple[str, ...] = ()
    """Files that hold the API key, `OUTPUT` among them."""


class Unable(Exception):
    """The cell cannot be run here; the message says why."""


def run(peer: Peer, cell: Cell, articles: int, folder: Path) -> Found:
    """Run a cell.

    Raises:
        Unable: It cannot be run.
    """
    if cell.damage and peer.state is None:
        raise Unable("its state is no single file")
    work = folder / "work"
    work.mkdir()
    source = folder / "articles.jsonl"
    source.write_text("".join(_lines(articles, surrogate=cell.surrogate)), "utf-8")
    provider = FaultyProvider(cell, classifies=peer.classifies)
    with provider.serving(), _disk(work) if cell.disk else nullcontext():
        return _Bench(peer, cell, articles, folder, peer.command(source, work, provider.base_url), provider).run()


class _Bench:
    """One cell for one peer, at work."""

    def __init__(
        self, peer: Peer, cell: Cell, articles: int, folder: Path, command: Sequence[str], provider: FaultyProvider
    ) -> None:
        self._peer, self._cell, self._articles, self._folder = peer, cell, articles, folder
        self._command, self._provider = command, provider
        self._work = folder / "work"
        self._seen = Account()
        self._ballast = self._work / "ballast"
        self._in_flight = 0

    def run(self) -> Found:
        first = self._part([self._start() for _ in range(self._cell.processes)])
        self._provider.mended = True
        self._ballast.unlink(missing_ok=True)
        if self._cell.damage and self._peer.state:
            _damage(self._work, self._peer.state, self._cell.damage)
        then = self._part([self._start()])
        return Found(self._articles, first, then, self._in_flight, tuple(self._leaks()))

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PYTHONPATH": str(_HERE.parent),
            "OPENAI_API_KEY": API_KEY,
        }
        with (self._folder / OUTPUT).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own commands
                self._command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _part(self, processes: list[subprocess.Popen[bytes]]) -> Part:
        self._provider.moved_s = time.monotonic()
        if self._seen == Account():
            self._disturb(processes[0])
        exits = [self._ended(process) for process in processes]
        good, bad = _judged(self._work / self._peer.output, self._articles)
        account, before = self._provider.account, self._seen
        self._seen = account
        return Part(tuple(exits), good, bad, account.minus(before))

    def _disturb(self, process: subprocess.Popen[bytes]) -> None:
        """Send the signal or fill the disk when two fifths of the rows have been answered."""
        if not (self._cell.signal or self._cell.disk):
            return
        while process.poll() is None and self._provider.answered < self._articles * 2 // 5:
            time.sleep(_STEP_S)
        self._in_flight = self._provider.in_flight
        if self._cell.disk:
            _fill(self._ballast)
        elif self._cell.group and self._cell.signal:
            os.killpg(process.pid, self._cell.signal)
        elif self._cell.signal:
            process.send_signal(self._cell.signal)

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        """Wait until a process ends, or hangs, and leave none of its children behind."""
        while process.poll() is None:
            silent_s = time.monotonic() - self._provider.moved_s
            if silent_s > _FULL_S:
                self._ballast.unlink(missing_ok=True)
            if silent_s > SILENCE_S:
                break
            time.sleep(_STEP_S)
        code = process.poll()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return HANGS if code is None else signal.Signals(-code).name if code < 0 else str(code)

    def _leaks(self) -> Iterator[str]:
        for file in sorted(self._folder.rglob("*")):
            if file.is_file() and API_KEY.encode() in file.read_bytes():
                yield str(file.relative_to(self._folder))


# ------------------------------------------------------------------------------------------------- articles and rows


def _lines(articles: int, *, surrogate: bool) -> Iterator[str]:
    for number in range(articles):
        half = " Its name ends with \ud83d." if surrogate and number == articles // 2 else ""
        yield json.dumps({"id": str(number), "content": article_of(number) + half}) + "\n"


def _judged(output: Path, articles: int) -> tuple[int, int]:
    """Return how many articles have a good row, and how many rows are not good."""
    rows = output.read_bytes().split(b"\n") if output.exists() else []
    found = [_good(row) for row in rows if row]
    good = {number for number in found if number is not None and number < articles}
    return len(good), len(found) - len(good)


def _good(row: bytes) -> int | None:
    """Return the article of a row that holds what the model wrote; None for any other."""
    try:
        found = json.loads(row)
        number = int(found.get("article_id", found.get("id")))
    except (ValueError, TypeError, AttributeError):
        return None
    return number if found.get("output") == output_of(number) else None


# --------------------------------------------------------------------------------------------------- state and disk


def _damage(work: Path, pattern: str, damage: Callable[[bytes], bytes]) -> None:
    files = sorted(work.glob(pattern))
    if not files:
        raise Unable("no state file was left")
    state = files[0].read_bytes()
    files[0].write_bytes(damage(state))


@contextmanager
def _disk(work: Path) -> Iterator[None]:
    """Put `work` on a disk of its own."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(work)]
    if shutil.which("mount") is None or subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:  # noqa: S603
        raise Unable("a disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(work)], check=True)  # noqa: S603, S607 - what we mounted ourselves


def _fill(ballast: Path) -> None:
    """Leave no byte free on the disk of `ballast`."""
    with suppress(OSError), ballast.open("wb", buffering=0) as full:
        while True:
            full.write(bytes(4096))


def task_command(python: str, module: str, task: str) -> list[str]:
    """Return the command line of a peer that is a module of `peers`."""
    return [python, str(_HERE / "fault_worker.py"), module, task]


def own_command(articles: Path, folder: Path, base_url: str, *, in_flight: int, timeout_s: int) -> list[str]:
    """Return the command line of qloragen: one type for each article, so one row, whatever it says."""
    knobs = {"max_types": 1, "timeout_s": timeout_s, "checks": UNCHECKED.model_dump_json(include={"actions"})}
    return [
        *(sys.executable, "-m", "qloragen", "generate", str(articles), "--out", str(folder)),
        *("--base-url", base_url, "--classify-model", "gpt-4.1-mini", "--generate-model", "gpt-4.1-mini"),
        *("--concurrency", str(in_flight)),
        *(word for name, value in knobs.items() for word in ("--set", f"{name}={value}")),
    ]
