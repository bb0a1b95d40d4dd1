"""What the articles of a source still need in one mode: counted one article at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..engine.spec import ModelSpec
from ..pipeline.job import Job, OpenArticle
from ..pipeline.survey import Known
from ..types import InstructionType
from .expected import ENDS, End, Expected, Figures
from .loads import Kind, Load, cached, is_long
from .sizes import Making, Ruler, Sizes

_CAP = 3.0
"""Caps on completions, which count against the tokens per minute, are lowered to what replies need; that settles near
this many times their mean (see `engine.caps`)."""
_LEARNING = 40
"""Calls for records of each type after which that is so."""


@dataclass(slots=True)
class Records:
    """Records that are to be made, at one end of what is expected."""

    asked: float = 0.0
    accepted: float = 0.0


class Outlook:
    """The sums of one mode."""

    def __init__(
        self, job: Job, specs: Sequence[ModelSpec], expected: Expected, known: Known | None, *, batch: bool
    ) -> None:
        """`known` is where the cells of an existing run stand. In `batch` mode all but decisions goes into batches."""
        self.loads: Mapping[End, dict[Kind, Load]] = {end: {} for end in ENDS}
        self.counts: Mapping[End, Records] = {end: Records() for end in ENDS}
        self.finished = 0
        """Articles for which nothing is left to ask."""
        self.to_classify = 0
        self._job = job
        self._specs = {spec.name: spec for spec in specs}
        self._expected = expected
        self._known = known
        self._batch = batch
        self._ruler = Ruler(job, specs)
        self._tails = {end: self._tail(figures.types) for end, figures in expected.ends.items()}

    def add(self, opened: OpenArticle, sizes: Sizes) -> None:
        """Count what an article needs."""
        missing = self._missing(opened)
        if missing is None:
            self.to_classify += 1
            asked, making = sizes.classification(self._ruler), sizes.generation(self._ruler)
            for end, figures in self._expected.ends.items():
                self._classify(end, figures, asked)
                self._generate(end, figures, making, figures.types, self._tails[end])
        elif missing:
            making, tails = sizes.generation(self._ruler), self._ruler.tails
            tail = sum(tails[kind.slug] for kind in missing) / len(missing)
            for end, figures in self._expected.ends.items():
                self._generate(end, figures, making, len(missing), tail)
        else:
            self.finished += 1

    def _missing(self, opened: OpenArticle) -> list[InstructionType] | None:
        """Return the types that are still to be made; None when the article is not classified yet."""
        if self._known is None:
            return None
        article = opened.article
        key = self._job.classification(article).key
        numbers = self._known.types_of(key)
        if numbers is None:
            return [] if self._known.settled(key) else None
        types = self._job.applicable(numbers, article)
        return [kind for kind in types if not self._known.settled(self._job.generation(article, kind).key)]

    def _classify(self, end: End, figures: Figures, asked: Sequence[int]) -> None:
        calls = 1.0
        for asker, tokens in zip(self._ruler.askers, asked, strict=True):
            spec = self._specs[asker.model]
            prompt = tokens * figures.prompt_error
            completion = 0.0 if asker.decides else figures.types_tokens + self._thinking(spec, figures)
            tier = "decisions" if asker.decides else self._tier(spec)
            load = Load(
                calls=calls,
                prompt_tokens=calls * prompt,
                completion_tokens=calls * completion,
                limit_tokens=calls * (prompt + asker.cap_tokens),
            )
            self._put(end, Kind(spec.name, "classify", tier, is_long(prompt, spec.price, tier)), load)
            calls = figures.doubtful

    def _generate(self, end: End, figures: Figures, making: Making, records: float, tail: float) -> None:
        spec = self._specs[self._job.generate_model]
        calls = records * figures.asks_per_record
        prompt = (making.prompt_tokens + tail) * figures.prompt_error
        prefix = round(making.prefix_tokens * figures.prompt_error)
        completion = figures.record_tokens[self._job.input_mode] + self._thinking(spec, figures)
        read, written = (
            (0.0, 0.0) if self._batch else cached(prefix, records, figures.asks_per_record, spec.family, spec.price)
        )
        load = Load(
            calls=calls,
            prompt_tokens=calls * prompt,
            cached_tokens=read,
            cache_write_tokens=written,
            completion_tokens=calls * completion,
            limit_tokens=calls * (prompt + self._room(end, completion)),
        )
        tier = self._tier(spec)
        self._put(end, Kind(spec.name, "generate", tier, is_long(prompt, spec.price, tier)), load)
        counts = self.counts[end]
        counts.asked += records
        counts.accepted += records * figures.accepted

    def _room(self, end: End, completion: float) -> float:
        """Return what a call for a record asks for in completion tokens, at the end of what is counted so far."""
        cap = self._ruler.making_cap_tokens
        learning = self.counts[end].asked < _LEARNING * len(self._job.pack.types)
        return cap if learning else min(_CAP * completion, cap)

    def _put(self, end: End, kind: Kind, load: Load) -> None:
        self.loads[end].setdefault(kind, Load()).add(load)

    def _tier(self, spec: ModelSpec) -> str | None:
        return "batch" if self._batch else spec.family.service_tier

    def _tail(self, types: float) -> float:
        """Return the mean of `Ruler.tails` over so many types: those that always apply, and any of the others."""
        tails = self._ruler.tails
        always = [tails[kind.slug] for kind in self._job.pack.types if kind.always]
        others = [tails[kind.slug] for kind in self._job.pack.types if not kind.always]
        if types <= len(always) or not others:
            return sum(always) / len(always) if always else 0.0
        return (sum(always) + (types - len(always)) * sum(others) / len(others)) / types

    @staticmethod
    def _thinking(spec: ModelSpec, figures: Figures) -> float:
        return figures.thinking * spec.family.reasoning_allowance_tokens
