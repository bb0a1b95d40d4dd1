"""A few articles of a source, paid for, and what their replies say about all the others.

The sample is an ordinary beginning of a run: work is addressed by content, so the run that goes on in the same
directory pays for none of it again. Which articles are drawn depends on a seed and on their texts alone: the same
source gives the same sample, wherever its articles stand, and some more articles change little of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from heapq import heappush, heapreplace
from pathlib import Path
from typing import get_args

from ..domain.prior import Range
from ..engine.spec import ModelSpec
from ..engine.tokens import Estimator, Makeup
from ..pipeline.job import Job, OpenArticle
from ..sources import Options, read_items
from ..store.paid import read_paid
from ..store.standing import Kind
from ..store.state import State
from ..types import Article, InputMode, Reply, Skip, Stage, digest
from .expected import Sampled, mean, ratio, share
from .sizes import Ruler

MOST_REPLIES = 5_000
"""Of a larger run the first replies are enough to learn from."""


async def drawn(items: AsyncIterator[Article | Skip], size: int, seed: int, options: Options) -> list[Article]:
    """Return `size` of the articles, or all if there are fewer, each with the same chance; memory is that of these."""
    kept: list[tuple[str, str, Article]] = []
    async for item in items:
        if isinstance(item, Article):
            # Those with the smallest digests are kept: upside down, as a heap has its smallest entry first.
            rank = _upside_down(digest(f"{seed}:{item.content_hash}"))
            if len(kept) < size:
                heappush(kept, (rank, item.id, item))
            elif rank > kept[0][0]:
                heapreplace(kept, (rank, item.id, item))
    found = {article.content_hash: article for _, _, article in kept}
    # A part of a larger article may be cleaned once more when it is read again; another text is other work.
    again = read_items(found.values(), options)
    return [item async for item in again if isinstance(item, Article) and item.content_hash in found]


_DIGITS = "0123456789abcdef"


def _upside_down(digits: str) -> str:
    return digits.translate(str.maketrans(_DIGITS, _DIGITS[::-1]))


def learned(folder: Path, state: State, job: Job, specs: Sequence[ModelSpec], tokens: Estimator) -> Sampled | None:
    """Return what the first replies of the run in `folder` say; None where no article is classified.

    `tokens` learns from their prompts. `job` and `specs` say how they would be sent now; replies to other prompts teach
    it nothing.

    Raises:
        SetupError: The run cannot be read.
    """
    seen = _Seen(state, job)
    for found, _ in zip(_first_replies(folder, seen), range(MOST_REPLIES), strict=False):
        seen.reply(found)
    return seen.sampled(Ruler(job, specs), tokens)


def _first_replies(folder: Path, seen: _Seen) -> Iterator[Reply]:
    for found in read_paid(folder):
        if isinstance(found, Article):
            seen.article(found)
        else:
            yield found


class _Seen:
    """Replies by the cells that they were paid for; their bodies are not kept."""

    def __init__(self, state: State, job: Job) -> None:
        self._state = state
        self._job = job
        self._articles: dict[tuple[str, str], OpenArticle] = {}
        self._cells: dict[str, list[Reply]] = {}

    def article(self, article: Article) -> None:
        self._articles[article.content_hash, article.format] = OpenArticle(article)

    def reply(self, reply: Reply) -> None:
        self._cells.setdefault(reply.cell.key, []).append(replace(reply, body=""))

    def sampled(self, ruler: Ruler, tokens: Estimator) -> Sampled | None:
        """Return what all of it comes to."""
        classified = self._of("classify", "types")
        counts = self._counts(classified)
        given_up = self._of("classify", "rejection")
        if not counts:
            return None
        records = [*self._of("generate", "record"), *self._of("generate", "rejection")]
        accepted = len(self._of("generate", "record"))
        listed = [_said_tokens(reply) for replies in classified for reply in replies if _is_listing(reply)]
        made = [reply for replies in records for reply in replies]
        lengths = {mode: _lengths(made, mode) for mode in get_args(InputMode)}
        return Sampled(
            articles=len(counts) + len(given_up),
            types_per_article=mean([*counts, *(0 for _ in given_up)]),
            types_tokens=mean(listed) if listed else None,
            record_tokens={mode: mean(found) for mode, found in lengths.items() if found},
            asks_per_record=mean([len(replies) for replies in records], 1.0) if records else None,
            accepted=share(accepted, len(records)) if records else None,
            doubtful=self._doubtful(classified),
            prompt_error=self._prompt_error(ruler, tokens),
            latency_s=self._latencies(),
            thinking_tokens=self._thinking(),
        )

    def _counts(self, classified: Sequence[Sequence[Reply]]) -> list[int]:
        """Return how many types each article has; of several classifications the present one's say counts first."""
        found: dict[tuple[str, str], int] = {}
        for reply in sorted((replies[0] for replies in classified), key=self._is_present):
            count = self._types(reply)
            if count is not None:
                found[reply.cell.content_hash, reply.cell.format] = count
        return [*found.values()]

    def _is_present(self, reply: Reply) -> bool:
        opened = self._opened(reply)
        return opened is not None and self._job.classification(opened.article).key == reply.cell.key

    def _of(self, stage: Stage, kind: Kind) -> list[list[Reply]]:
        """Return the replies to the cells of a stage that stand so."""
        found = (replies for replies in self._cells.values() if replies[0].cell.stage == stage)
        return [replies for replies in found if self._kind(replies[0].cell.key) == kind]

    def _kind(self, key: str) -> Kind | None:
        standing = self._state.standing(key)
        return standing.kind if standing else None

    def _types(self, reply: Reply) -> int | None:
        opened, numbers = self._opened(reply), self._state.types_of(reply.cell.key)
        return None if opened is None or numbers is None else len(self._job.applicable(numbers, opened.article))

    def _opened(self, reply: Reply) -> OpenArticle | None:
        return self._articles.get((reply.cell.content_hash, reply.cell.format))

    @staticmethod
    def _doubtful(classified: Sequence[Sequence[Reply]]) -> Range | None:
        """Return for how many of the articles that were judged by probabilities a listing was asked for too."""
        judged = [replies for replies in classified if any(not _is_listing(reply) for reply in replies)]
        doubted = sum(any(map(_is_listing, replies)) for replies in judged)
        return share(doubted, len(judged)) if doubted else None

    def _prompt_error(self, ruler: Ruler, tokens: Estimator) -> Range | None:
        """Let `tokens` learn from all prompts, and return how far off it is after that."""
        pairs = [pair for replies in self._cells.values() if (pair := self._asked(ruler, replies[0])) is not None]
        for body, actual in pairs:
            tokens.learn(body, estimated=tokens.estimate(body), actual=actual)
        return ratio([(actual, tokens.estimate(body)) for body, actual in pairs]) if pairs else None

    def _asked(self, ruler: Ruler, reply: Reply) -> tuple[Makeup, int] | None:
        """Return the makeup of the prompt that a first reply answers, and what it was billed for."""
        opened, prompt_tokens = self._opened(reply), reply.usage.prompt_tokens
        body = ruler.asked(opened, reply.cell) if opened and prompt_tokens else None
        return None if body is None else (body, prompt_tokens)

    def _thinking(self) -> dict[tuple[str, Stage], Range]:
        found: dict[tuple[str, Stage], list[float]] = {}
        for replies in self._cells.values():
            for reply in filter(_is_listing, replies):
                found.setdefault((reply.cell.model, reply.cell.stage), []).append(reply.usage.reasoning_tokens)
        return {asked: mean(tokens) for asked, tokens in found.items()}

    def _latencies(self) -> dict[Stage, float]:
        found: dict[Stage, list[float]] = {}
        for replies in self._cells.values():
            for reply in replies:
                found.setdefault(reply.cell.stage, []).append(reply.latency_s)
        return {stage: sum(times) / len(times) for stage, times in found.items()}


def _is_listing(reply: Reply) -> bool:
    """Whether a classification was written, and not given as probabilities."""
    return reply.structure != "decisions"


def _said_tokens(reply: Reply) -> int:
    """Return the completion tokens without thinking, which another model may not do."""
    return reply.usage.completion_tokens - reply.usage.reasoning_tokens


def _lengths(replies: Sequence[Reply], mode: InputMode) -> list[int]:
    return [_said_tokens(reply) for reply in replies if reply.cell.input_mode == mode]
