"""What the articles of a source still need in one mode: counted one article at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..domain.outline import MOST_BYTES as OUTLINE_BYTES
from ..engine.spec import ModelSpec
from ..pipeline.job import Job, OpenArticle
from ..pipeline.survey import Known
from ..types import Article, Cell, InstructionType, Stage
from .expected import ENDS, End, Expected, Figures
from .loads import Kind, Load, cached, is_long
from .sizes import Making, Ruler, Sizes

_CAP = 3.0
"""Caps on completions, which count against the tokens per minute, are lowered to what replies need; that settles near
this many times their mean (see `engine.caps`)."""
_LEARNING = 40
"""Calls for records of each type after which that is so."""


class Paid(Known, Protocol):
    """What an outlook looks up in a run's state."""

    def replies_of(self, key: str) -> tuple[int, ...]:
        """Return where the replies to a cell are that nothing has come of yet."""
        ...


@dataclass(slots=True)
class Records:
    """Records that are to be made, at one end of what is expected."""

    asked: float = 0.0
    accepted: float = 0.0


@dataclass(slots=True)
class Chance:
    """Variances of sums over the articles that are not classified yet: a few may be unlike the average."""

    records: float = 0.0
    doubtful: float = 0.0
    """Articles that a cascade shows to the strong model."""


class Outlook:
    """The sums of one mode."""

    def __init__(
        self, job: Job, specs: Sequence[ModelSpec], expected: Expected, known: Paid | None, *, batch: bool
    ) -> None:
        """`known` is where the cells of an existing run stand. In `batch` mode all but decisions goes into batches."""
        self.loads: Mapping[End, dict[Kind, Load]] = {end: {} for end in ENDS}
        self.counts: Mapping[End, Records] = {end: Records() for end in ENDS}
        self.finished = 0
        """Articles for which nothing is left to ask."""
        self.to_classify = 0
        self.chance = Chance()
        self._job = job
        self._specs = {spec.name: spec for spec in specs}
        self._expected = expected
        self._known = known
        self._batch = batch
        self._ruler = Ruler(job, specs)
        self._variances: dict[float, float] = {}

    def add(self, opened: OpenArticle, sizes: Sizes) -> None:
        """Count what an article needs."""
        missing = self._missing(opened)
        if missing is None:
            self.to_classify += 1
            asked, making, made = sizes.classification(self._ruler), sizes.generation(self._ruler), self._made(opened)
            read_bytes = self._read_bytes(opened.article)
            for end, figures in self._expected.ends.items():
                types = self._expected.types(end, read_bytes)
                if end == "high" or not self._answered(self._job.classification(opened.article)):
                    self._classify(end, figures, asked)
                self._generate(
                    end, figures, making, _records(end, types, made, len(self._job.pack.types)), self._tail(types)
                )
            self._leave_to_chance(self._expected.types("likely", read_bytes))
        elif missing:
            making, tails = sizes.generation(self._ruler), self._ruler.tails
            tail = sum(tails[kind.slug] for kind in missing) / len(missing)
            answered = sum(self._answered(self._job.generation(opened.article, kind)) for kind in missing)
            for end, figures in self._expected.ends.items():
                unread = 0 if end == "high" else answered
                self.counts[end].accepted += unread * figures.accepted
                # What an earlier session has written to the cache may still be there, or not.
                self._generate(end, figures, making, len(missing) - unread, tail, warm=end == "low")
        else:
            self.finished += 1

    def seen_thinking(self, model: str) -> bool:
        """Tell whether replies of the model say how much it thinks."""
        return any(model == name for name, _ in self._expected.ends["likely"].thinking_tokens)

    def _read_bytes(self, article: Article) -> int:
        """Return how much the classifier reads."""
        size = len(article.content.encode())
        return size if self._job.classify_reads == "article" else min(size, OUTLINE_BYTES)

    def _leave_to_chance(self, types: float) -> None:
        self.chance.records += self._variance(types)
        if len(self._ruler.askers) > 1:
            doubtful = self._expected.ends["likely"].doubtful
            self.chance.doubtful += doubtful * (1 - doubtful)

    def _variance(self, types: float) -> float:
        rounded = round(types, 1)
        if rounded not in self._variances:
            self._variances[rounded] = self._expected.bounded.variance(rounded)
        return self._variances[rounded]

    def _missing(self, opened: OpenArticle) -> list[InstructionType] | None:
        """Return the types that are still to be made; None when the article is not classified yet."""
        if self._known is None:
            return None
        article = opened.article
        key = self._job.classification(article).key
        numbers = self._known.types_of(key)
        if numbers is None:
            return [] if self._known.settled(key) else None
        return [kind for kind in self._job.applicable(numbers, article) if not self._settled(article, kind)]

    def _made(self, opened: OpenArticle) -> int:
        """Return how many records are settled of an article that is to be classified: anew, since they are there."""
        if self._known is None:
            return 0
        return sum(self._settled(opened.article, kind) for kind in self._job.pack.types)

    def _answered(self, cell: Cell) -> bool:
        """Tell whether there is a reply that is paid for and will be read first: of a batch, or from before a crash."""
        return self._known is not None and bool(self._known.replies_of(cell.key))

    def _settled(self, article: Article, kind: InstructionType) -> bool:
        return self._known is not None and self._known.settled(self._job.generation(article, kind).key)

    def _classify(self, end: End, figures: Figures, asked: Sequence[int]) -> None:
        calls = 1.0
        for asker, tokens in zip(self._ruler.askers, asked, strict=True):
            spec = self._specs[asker.model]
            prompt = tokens * figures.prompt_error
            completion = 0.0 if asker.decides else figures.types_tokens + self._thinking(spec, "classify", figures)
            tier = "decisions" if asker.decides else self._tier(spec)
            load = Load(
                calls=calls,
                prompt_tokens=calls * prompt,
                completion_tokens=calls * completion,
                limit_tokens=calls * (prompt + asker.cap_tokens),
            )
            self._put(end, Kind(spec.name, "classify", tier, is_long(prompt, spec.price, tier)), load)
            calls = figures.doubtful

    def _generate(
        self, end: End, figures: Figures, making: Making, records: float, tail: float, *, warm: bool = False
    ) -> None:
        """`warm`: the cache has the beginning of the prompts already."""
        spec = self._specs[self._job.generate_model]
        asks = min(figures.asks_per_record, self._job.record_asks)
        calls = records * asks
        followers = max(records - 1, 0) / records if making.prefix_tokens and not self._batch and records else 0.0
        prompt = (making.prompt_tokens + tail + followers * self._ruler.told_tokens) * figures.prompt_error
        prefix = round(making.prefix_tokens * figures.prompt_error)
        completion = figures.record_tokens[self._job.input_mode] + self._thinking(spec, "generate", figures)
        read, written = (0.0, 0.0) if self._batch else cached(prefix, records, asks, spec.family, spec.price, warm=warm)
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
    def _thinking(spec: ModelSpec, stage: Stage, figures: Figures) -> float:
        seen = figures.thinking_tokens.get((spec.name, stage))
        return figures.thinking * spec.family.reasoning_allowance_tokens if seen is None else seen


def _records(end: End, types: float, made: int, of: int) -> float:
    """Return how many records are new when an article of which `made` are settled is classified once more.

    Judged alike, it needs none; by a judge who finds others by chance, as many as are not made. A quarter of these is
    taken to be likely: classifiers mostly agree.
    """
    if not made:
        return types
    strangers = 1 - made / of
    match end:
        case "low":
            return 0.0
        case "likely":
            return made * strangers / 4
        case "high":
            return max(made, types) * strangers
