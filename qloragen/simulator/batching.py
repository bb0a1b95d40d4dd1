"""All batches: made out of files, worked on as time passes, cancelled, and their results filed.

Nothing happens by itself: whoever looks at a time has all that was due by then done first. Prompts out of batches are
not cached, as nothing is documented of it. What a batch costs is billed when its requests are executed, and counts as
undelivered until its file of answers has been fetched whole. Enqueued tokens are counted of prompts alone, by the
tokenizer of the simulator, from the creation of a batch to its end; a batch that is too much fails in its validation
with the code and the words that the API was seen to give (github.com/openai/openai-python, issue 2084).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import orjson

from ..types import Usage
from .batch import Batch, Task
from .batch_input import Asked, BatchInput, LineError, read_input
from .batch_settings import Batches
from .batch_timeline import Timeline, plan_batch
from .batch_wish import BatchWish
from .draws import Draws, Repetitions, identify
from .filing import Cabinet, StoredFile
from .plan import Plan
from .prompts import read_prompt
from .requests import refused_by_form
from .tokens import count_tokens

_HOUR_S = 3_600.0
_SCALE = 2.0**-64
_BROKE = LineError("server_error", "The batch failed because of an error of the server. Please create it again.")


class BatchWork:
    """The batches of a provider; `answer` executes a request at a time, and bills it."""

    def __init__(
        self,
        settings: Batches,
        seed: int,
        cabinet: Cabinet,
        *,
        answer: Callable[[bytes, float], Plan],
        has_model: Callable[[str], bool],
        remembered: int,
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._cabinet = cabinet
        self._answer = answer
        self._has_model = has_model
        self._repetitions = Repetitions(remembered)
        self._batches: dict[str, Batch] = {}
        self._open: list[Batch] = []
        self._created: deque[float] = deque()
        self._uncollected: dict[str, tuple[str, Usage]] = {}
        """By the file of answers: whose they are, and what they cost."""

    def has_room(self, now_s: float) -> bool:
        """Tell whether one more batch may be created in this hour."""
        while self._created and self._created[0] <= now_s - _HOUR_S:
            self._created.popleft()
        most = self._settings.created_per_hour
        return most is None or len(self._created) < most

    def create(self, wish: BatchWish, file: StoredFile, now_s: float) -> Batch:
        """Make a batch out of a file; what is wrong with that shows when it has been validated."""
        self._created.append(now_s)
        read = read_input(file.content, most=self._settings.most_requests, has_model=self._has_model)
        tokens = 0 if self._settings.enqueued_tokens is None else sum(map(_prompt_tokens, read.requests))
        errors = read.errors or self._too_much(read.model, tokens, now_s)
        identity = identify(file.content, self._seed)
        nth = self._repetitions.count(identity)
        timeline = plan_batch(self._settings, Draws(identity, nth), now_s, is_valid=not errors)
        batch = Batch(
            id=f"batch_{len(self._batches)}",
            input_file_id=file.id,
            model=read.model,
            metadata=wish.metadata,
            kept_s=wish.kept_s,
            timeline=timeline,
            errors=errors or (() if timeline.is_valid else (_BROKE,)),
            tasks=self._tasks(read, timeline, identity + nth.to_bytes(8, "little")),
            total=len(read.requests),
            enqueued_tokens=tokens if timeline.is_valid else 0,
        )
        self._batches[batch.id] = batch
        self._open.append(batch)
        return batch

    def get(self, id: str) -> Batch | None:
        """Return a batch."""
        return self._batches.get(id)

    def newest_first(self) -> Iterator[Batch]:
        """Yield all batches."""
        return iter(list(reversed(self._batches.values())))

    def cancel(self, batch: Batch, now_s: float) -> bool:
        """Let no more requests of a batch be executed; tell whether that is still possible, or was done before."""
        if batch.timeline.cancelled_s is not None:
            return True
        if batch.timeline.status(now_s) in {"completed", "failed", "expired"}:
            return False
        batch.timeline = replace(batch.timeline, cancelled_s=now_s)
        self.settle(now_s)
        return True

    def settle(self, now_s: float) -> None:
        """Do what was due by now."""
        for batch in self._open:
            until_s = min(now_s, batch.timeline.stopped_s)
            while batch.tasks and batch.tasks[0].done_s <= until_s:
                task = batch.tasks.popleft()
                batch.results.add(_number(batch), task, self._answer(task.body, task.done_s))
            if now_s >= batch.timeline.ended_s:
                self._close(batch)
        self._open = [batch for batch in self._open if not batch.is_closed]

    def collect(self, file_id: str) -> tuple[str, Usage] | None:
        """Return model and cost of the answers in a file, once: when it is fetched for the first time."""
        return self._uncollected.pop(file_id, None)

    # ------------------------------------------------------------------------------------------------------ the inside

    def _tasks(self, read: BatchInput, timeline: Timeline, salt: bytes) -> deque[Task]:
        """Spread the requests over the time of the work, each at a moment that chance decides."""
        if not timeline.is_valid:
            return deque()
        span_s = timeline.worked_s - timeline.validated_s
        moments = sorted((_luck(asked, salt, self._seed), asked) for asked in read.requests)
        return deque(
            Task(asked.custom_id, asked.body, timeline.validated_s + (luck * span_s if span_s else 0.0))
            for luck, asked in moments
        )

    def _too_much(self, model: str | None, tokens: int, now_s: float) -> tuple[LineError, ...]:
        limit = self._settings.enqueued_tokens
        waiting = (batch for batch in self._open if batch.model == model and batch.timeline.ended_s > now_s)
        if limit is None or tokens + sum(batch.enqueued_tokens for batch in waiting) <= limit:
            return ()
        message = f"Enqueued token limit reached for {model} in organization org-simulated. Limit: {limit:,} enqueued "
        message += "tokens. Please try again once some in_progress batches have been completed."
        return (LineError("token_limit_exceeded", message),)

    def _close(self, batch: Batch) -> None:
        """File the results of a batch that has ended."""
        while batch.tasks:
            task = batch.tasks.popleft()
            batch.results.leave(_number(batch), task, batch.timeline.ending)
        batch.output_file_id = self._file(batch, "output", batch.results.answers)
        batch.error_file_id = self._file(batch, "error", batch.results.errors)
        if batch.output_file_id is not None and batch.model is not None:
            self._uncollected[batch.output_file_id] = (batch.model, batch.results.usage)
        batch.is_closed = True

    def _file(self, batch: Batch, what: str, lines: list[bytes]) -> str | None:
        if not lines:
            return None
        content = b"\n".join([*lines, b""])
        name, ended_s = f"{batch.id}_{what}.jsonl", batch.timeline.ended_s
        return self._cabinet.put(name, "batch_output", content, created_s=ended_s, kept_s=batch.kept_s).id


def _number(batch: Batch) -> str:
    return f"{batch.id.removeprefix('batch_')}_{batch.total - len(batch.tasks)}"


def _luck(asked: Asked, salt: bytes, seed: int) -> float:
    return (int.from_bytes(identify(salt + asked.custom_id.encode(), seed), "little") + 0.5) * _SCALE


def _prompt_tokens(asked: Asked) -> int:
    body = orjson.loads(asked.body)
    return count_tokens(read_prompt(body).text) if refused_by_form(body) is None else 0
