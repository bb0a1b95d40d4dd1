"""One batch: what is to be done, what was done, and how the API shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from ..types import Usage
from .batch_input import CHAT_URL, LineError
from .batch_timeline import Timeline
from .effects import Json, Wire
from .plan import Plan

_UNANSWERED = frozenset({Wire.RESET_BEFORE_HEADERS, Wire.HANG, Wire.REFUSED})
_NOT_DONE = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
}
_TIMEOUT = ("request_timeout", "The call of the model timed out.")


@dataclass(frozen=True, slots=True)
class Task:
    """One request of a batch, and when it is executed."""

    custom_id: str
    body: bytes
    done_s: float


@dataclass(slots=True)
class Results:
    """What has become of the requests until now: the lines of both files."""

    answers: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    failed: int = 0
    """Requests that were executed, in vain."""
    usage: Usage = field(default_factory=Usage)

    def add(self, number: str, task: Task, plan: Plan) -> None:
        """Take what a request got: a completion is an answer, everything else an error."""
        if plan.wire in _UNANSWERED:
            self.failed += 1
            self.errors.append(_line(number, task.custom_id, None, _TIMEOUT))
            return
        body = _parsed(plan.body)
        response = {"status_code": plan.status, "request_id": plan.headers["x-request-id"], "body": body}
        line = _line(number, task.custom_id, response, None)
        if plan.status == 200:
            self.answers.append(line)
        else:
            self.failed += 1
            self.errors.append(line)
        self.usage = self.usage.plus(plan.usage or Usage())

    def leave(self, number: str, task: Task, ending: str) -> None:
        """Take a request that was not executed."""
        self.errors.append(_line(number, task.custom_id, None, _NOT_DONE[ending]))


@dataclass(slots=True)
class Batch:
    """One batch; its tasks are in the order of their execution, which is not that of the file."""

    id: str
    input_file_id: str
    model: str | None
    metadata: Json | None
    kept_s: float
    """How long its files of results are kept."""
    timeline: Timeline
    errors: tuple[LineError, ...]
    tasks: deque[Task]
    total: int
    enqueued_tokens: int
    """Prompt tokens, as the limit counts them."""
    results: Results = field(default_factory=Results)
    output_file_id: str | None = None
    error_file_id: str | None = None
    is_closed: bool = False
    """Whether its files of results are there, if it has any."""

    def shown(self, now_s: float, stamp: Callable[[float], int]) -> Json:
        """Return it as the API shows it."""
        stamps = self.timeline.stamps(now_s)
        begun = stamps["in_progress_at"] is not None
        failed = self.timeline.status(now_s) == "failed"
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": CHAT_URL,
            "model": self.model,
            "errors": {"object": "list", "data": [error._asdict() for error in self.errors]} if failed else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.timeline.status(now_s),
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            **{name: None if at_s is None else stamp(at_s) for name, at_s in stamps.items()},
            "request_counts": {
                "total": self.total if begun else 0,
                "completed": len(self.results.answers),
                "failed": self.results.failed,
            },
            "usage": _usage(self.results.usage),
            "metadata": self.metadata,
        }


def _line(number: str, custom_id: str, response: Json | None, error: tuple[str, str] | None) -> bytes:
    told = None if error is None else {"code": error[0], "message": error[1]}
    return orjson.dumps({"id": f"batch_req_{number}", "custom_id": custom_id, "response": response, "error": told})


def _parsed(body: bytes) -> object:
    """Return the JSON of a reply, or its text where a fault made it something else."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
