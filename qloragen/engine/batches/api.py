"""The calls of the Batch API, each repeated while what goes wrong is passing.

    POST /files -> POST /batches -> GET /batches/{id} ... -> GET /files/{id}/content

A batch must not be made twice: whenever nobody knows what became of the call that makes it, all batches are looked
through for its name first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from random import Random
from urllib.parse import urlencode

import anyio
import orjson

from ...errors import ProviderUnavailable, RunStopped
from ...logs import get_logger
from ..client import Ask, Asking, ConnectionLost, HttpReply
from ..diagnosis import described, of_connection, of_reply
from ..failures import Action, Failure, Row, matching
from ..gate import Cause
from ..halt import Halt
from ..reply import Json, UnreadableReply, json_object
from ..retry import RetryPolicy
from ..statistics import Pause
from .parcel import CONTENT_TYPE, ENDPOINT

RUN, SUBMISSION = "qloragen_run", "qloragen_submission"
"""What a batch is found by, in its metadata."""
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_CALL_S, _DOWNLOAD_S = 60.0, 600.0
_SLOWEST_BYTES_PER_S = 250_000
"""An upload or download that is slower is given up and begun again."""
_LOOKS_S = (0.0, 10.0, 20.0, 30.0, 60.0, 180.0)
"""From one look for a batch that may just have been made to the next: lists may be late, and a second one is paid."""
LOOKS_BY_ANOTHER_S = (0.0, 5.0, 15.0)
"""The same where an earlier process may have made it, which has been dead for a while: mostly it was killed before."""
_ABSENT, _ABSENT_S = 5, 20.0
"""Looks, and the time between them, after which what the provider says is not there is taken to be gone: it may be new,
or another of its servers' business."""
_CLOCKS_APART_S = 3_600.0
"""How far the clocks of this machine and of the provider may differ, with time to spare."""
_PAGE = 100
_TROUBLE = 2
"""Failures in a row of one call from which on others are told of them: a single one is soon made good."""
_SOON = frozenset({Action.RETRY, Action.WAIT})

log = get_logger()


class Gone(Exception):
    """The provider knows no such file or batch."""


class NoBatches(ProviderUnavailable):
    """The provider has no Batch API."""


@dataclass(frozen=True, slots=True)
class LineFault:
    """What the provider says of a file in refusing it."""

    code: str
    message: str
    parameter: str | None
    line: int | None
    """From 1; None: it is about the whole file."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the provider shows it."""

    id: str
    status: str
    """`validating`, `in_progress`, `finalizing`, `cancelling`, or one of `ENDED`."""
    output_file: str | None
    error_file: str | None
    done: int
    failed: int
    total: int
    """0 until the file has been read."""
    faults: tuple[LineFault, ...]
    metadata: Json
    created_s: float

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDED

    @property
    def lacks_results(self) -> bool:
        """Whether it has ended with replies, and does not say where they are."""
        return self.ended and self.done > 0 and self.output_file is None


class BatchApi:
    """Makes the calls of one provider; every method raises RunStopped when they cannot be made."""

    def __init__(self, client: Asking, halt: Halt, policy: RetryPolicy, random: Random) -> None:
        self._client = client
        self._halt = halt
        self._policy = policy
        self._random = random
        self._heard = False
        """The provider has taken a call to this part of its API."""
        self._tried: list[_Failures] = []
        """Those of each call that is being made."""

    @property
    def pause(self) -> Pause | None:
        """Why nothing is heard of batches now, by the call that has failed most often in a row; None if none has."""
        worst = max(self._tried, key=lambda failures: failures.count, default=None)
        if worst is None or worst.count < _TROUBLE:
            return None
        left_s = worst.again_s - asyncio.get_running_loop().time()  # of a signal's callback anyio knows no clock
        return Pause(Cause.OUTAGE, worst.why, left_s if left_s > 0 else None)

    async def upload(self, form: bytes) -> str:
        """Return the id of the file that a form holds, once it is there."""
        ask = Ask("POST", "/files", body=form, content_type=CONTENT_TYPE)
        found = await self._json(ask, timeout_s=_CALL_S + len(form) / _SLOWEST_BYTES_PER_S)
        return str(found["id"])

    async def create(self, file_id: str, run: str, name: str, asked: datetime) -> Batch:
        """Make a batch of a file, and make sure that it is one only; `name` is that of its submission."""
        wish = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "metadata": {RUN: run, SUBMISSION: name},
        }
        ask = Ask("POST", "/batches", body=orjson.dumps(wish))
        with self._failures() as failures:
            while isinstance(outcome := await self._attempt(ask, _CALL_S, _is_object), Failure):
                row = self._passing(ask, outcome)
                await self._wait(outcome, row, failures)
                if _may_have_arrived(outcome) and (found := await self.find_late(name, asked)) is not None:
                    return found
        return _batch(_object(outcome))

    async def look(self, id: str) -> Batch:
        """Return a batch as it is now.

        Raises:
            Gone: there is none such.
        """
        return _batch(await self._json(Ask("GET", f"/batches/{id}")))

    async def find_late(self, name: str, asked: datetime, looks_s: tuple[float, ...] = _LOOKS_S) -> Batch | None:
        """Do what `find` does, for one that may have been made a moment ago: after each of these waits."""
        for number, wait_s in enumerate(looks_s):
            await self._halt.sleep(wait_s)
            if (found := await self.find(name, asked)) is not None:
                return found
            if number == 0:
                log.info("batch_looked_for", submission=name, for_s=sum(looks_s))
        return None

    async def find(self, name: str, asked: datetime) -> Batch | None:
        """Return the batch of a submission that was `asked` for at some time; None when it never arrived."""
        query, earliest_s = {"limit": str(_PAGE)}, asked.timestamp() - _CLOCKS_APART_S
        while True:
            page = await self._json(Ask("GET", "/batches", urlencode(query)))
            found = _listed(page)
            named = next((batch for batch in found if batch.metadata.get(SUBMISSION) == name), None)
            if named is not None:
                return named
            if not found or page.get("has_more") is not True or found[-1].created_s < earliest_s:
                return None
            if query.get("after") == found[-1].id:
                return None  # a server that knows no pages
            query["after"] = found[-1].id

    async def content(self, file_id: str) -> bytes:
        """Return what a file holds.

        Raises:
            Gone: it is not there any more.
        """
        ask = Ask("GET", f"/files/{file_id}/content")
        return (await self._call(ask, timeout_s=_DOWNLOAD_S, is_good=_begins_as_lines)).body

    # ------------------------------------------------------------------------------------------------- the inside

    async def _json(self, ask: Ask, *, timeout_s: float = _CALL_S) -> Json:
        return _object(await self._call(ask, timeout_s=timeout_s, is_good=_is_object))

    async def _call(self, ask: Ask, *, timeout_s: float, is_good: Callable[[bytes], bool]) -> HttpReply:
        with self._failures() as failures:
            while isinstance(outcome := await self._attempt(ask, timeout_s, is_good), Failure):
                if _says_absent(ask, outcome) and failures.absent < _ABSENT:
                    failures.absent += 1
                    await self._halt.sleep(_ABSENT_S)
                else:
                    await self._wait(outcome, self._passing(ask, outcome), failures)
        return outcome

    @contextmanager
    def _failures(self) -> Iterator[_Failures]:
        """Count within the block, for `pause` too, how often one call fails."""
        failures = _Failures()
        self._tried.append(failures)
        try:
            yield failures
        finally:
            self._tried.remove(failures)

    async def _attempt(self, ask: Ask, timeout_s: float, is_good: Callable[[bytes], bool]) -> HttpReply | Failure:
        """Make one call, whose reply is what it should be if `is_good` says so."""
        self._halt.check()
        try:
            reply = await self._client.ask(ask, timeout_s=timeout_s)
        except ConnectionLost as lost:
            return of_connection(lost)
        if reply.status >= 300 or not is_good(reply.body):
            return of_reply(reply, None)
        self._heard = True
        return reply

    def _passing(self, ask: Ask, failure: Failure) -> Row:
        """Return the row of the failure table for one that may pass.

        Raises:
            Gone: what is asked for is not there.
            RunStopped: it will not pass.
        """
        row = next(row for row in matching(failure) if row.action is not Action.CHANGE)
        if row.action in _SOON:
            return row
        if _says_absent(ask, failure):
            raise Gone(described(failure))
        raise _refusal(ask, failure, row, heard=self._heard)

    async def _wait(self, failure: Failure, row: Row, failures: _Failures) -> None:
        """Wait before another attempt.

        Raises:
            RunStopped: it has failed for too long, or the engine has stopped.
        """
        now_s = anyio.current_time()
        failures.count += 1
        failures.since_s = now_s if failures.since_s is None else failures.since_s
        policy = self._policy
        patience_s = policy.patience_s if self._heard else policy.first_patience_s
        if now_s - failures.since_s > patience_s:
            raise ProviderUnavailable(
                f"The Batch API has given nothing but failures for {patience_s:g} s, the last one was "
                f"{described(failure)}; run the same command again when the provider is well."
            )
        log.warning("batch_call_failed", reason=row.reason, status=failure.status, failures=failures.count)
        wait_s = policy.delay_s(failures.count, self._random, at_least_s=failure.retry_after_s)
        failures.why, failures.again_s = described(failure), now_s + wait_s
        await self._halt.sleep(wait_s)


def _refusal(ask: Ask, failure: Failure, row: Row, *, heard: bool) -> RunStopped:
    """Return the error of a call that will never be taken; `heard` says that others were."""
    call = f"{described(failure)} for {ask.method} {ask.path}"
    if failure.status in {404, 405, 501} and failure.code != "model_not_found" and not heard:
        return NoBatches(f"This provider has no Batch API ({call}): leave --batch out, or check the base URL.")
    if row.action is Action.STOP and row.reason != "model_not_found":
        return row.error(f"{ask.method} {ask.path} was refused with {described(failure)}; {row.remedy}.")
    return ProviderUnavailable(f"The provider refuses batches ({call}): leave --batch out, or mend what it names.")


@dataclass(slots=True, eq=False)
class _Failures:
    """Those of one call in a row."""

    count: int = 0
    absent: int = 0
    """Times that what was asked for was not there."""
    since_s: float | None = None
    why: str = ""
    """What the last one was."""
    again_s: float = 0.0
    """When the call is made again, by the event loop's clock."""


def _says_absent(ask: Ask, failure: Failure) -> bool:
    """Tell whether one file or batch is said not to be there."""
    return failure.status == 404 and ask.method == "GET" and ask.path != "/batches"


def _may_have_arrived(failure: Failure) -> bool:
    """Tell whether a call that makes a batch may have made it in spite of its failure."""
    return failure.maybe_paid or failure.kind != "http" or (failure.status or 0) >= 500 or failure.status == 408


def _begins_as_lines(body: bytes) -> bool:
    """Tell a file of results from a page that some gateway has put in its place."""
    first = next((line for line in BytesIO(body) if line.strip()), b"{}")
    return first.lstrip().startswith(b"{")


def _is_object(body: bytes) -> bool:
    """Tell an object of the API, or a list of them, from anything else."""
    try:
        found = json_object(body)
    except UnreadableReply:
        return False
    return isinstance(found.get("id"), str) or isinstance(found.get("data"), list)


def _object(reply: HttpReply) -> Json:
    return json_object(reply.body)


def _listed(page: Json) -> list[Batch]:
    data = page.get("data")
    return [_batch(one) for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _batch(shown: Json) -> Batch:
    counts = _mapping(shown.get("request_counts"))
    faults = _mapping(shown.get("errors")).get("data")
    return Batch(
        id=str(shown.get("id")),
        status=str(shown.get("status")),
        output_file=_word(shown.get("output_file_id")),
        error_file=_word(shown.get("error_file_id")),
        done=_whole(counts.get("completed")),
        failed=_whole(counts.get("failed")),
        total=_whole(counts.get("total")),
        faults=tuple(map(_fault, faults)) if isinstance(faults, list) else (),
        metadata=_mapping(shown.get("metadata")),
        created_s=float(_whole(shown.get("created_at"))),
    )


def _fault(shown: object) -> LineFault:
    fault = _mapping(shown)
    line = fault.get("line")
    return LineFault(
        code=_word(fault.get("code")) or "",
        message=(_word(fault.get("message")) or "")[:200],
        parameter=_word(fault.get("param")),
        line=line if isinstance(line, int) else None,
    )


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
