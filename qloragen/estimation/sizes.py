"""How many prompt tokens the calls about an article have, measured on the very requests that a run would send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..engine.body import cap_tokens, encode, encode_decisions
from ..engine.form import Form
from ..engine.models import Family
from ..engine.sharing import prefix_bytes
from ..engine.spec import ModelSpec
from ..engine.tokens import Estimator, Makeup, makeup
from ..pipeline.job import Job, OpenArticle
from ..types import Article, Cell, InstructionType, Request, Structure

_INSTRUCTION = "What does the commit log do when a node comes back after a crash, and which settings decide how long?"
"""As long as most are."""
_PROBE = Article("probe", "A paragraph.\n\nAnother one.")
"""Stands for any article where prompts differ by what does not depend on it."""


class Asker(NamedTuple):
    """One of the models that classify."""

    model: str
    decides: bool
    """It is asked through the endpoint for typed decisions."""
    cap_tokens: int


class Making(NamedTuple):
    """The calls for an article's records, one for each type."""

    prompt_tokens: int
    """Of the call for the first type of the pack; for others see `Ruler.tails`."""
    prefix_tokens: int
    """So many come first, and are the same for all types."""


@dataclass(frozen=True, slots=True)
class _Form:
    family: Family
    structure: Structure | None

    def body(self, request: Request) -> bytes:
        if request.predicates:
            return encode_decisions(request, self.family)
        return encode(request, self.family, self.structure if request.function else None)

    def __str__(self) -> str:
        """Tell forms apart by which prompts come out different."""
        return f"{replace(self.family, service_tier=None)} {self.structure}"


class Ruler:
    """Measures the calls of one job, made to certain models."""

    def __init__(self, job: Job, specs: Iterable[ModelSpec]) -> None:
        self._job = job
        self._forms = {spec.name: _form(spec) for spec in specs}
        probe = OpenArticle(_PROBE)
        firsts = tuple(_firsts(job, probe))
        self.askers = tuple(
            Asker(request.model, bool(request.predicates), cap_tokens(request, self._forms[request.model].family))
            for request in firsts
        )
        """In the order in which they are asked; more than one where the first may be in doubt."""
        self._typical, *_ = job.pack.types
        made = self._generation(probe, self._typical)
        self.making_cap_tokens = cap_tokens(made, self._forms[made.model].family)
        tokens = Estimator()
        probed = {kind.slug: tokens.estimate(self._makeup(self._generation(probe, kind))) for kind in job.pack.types}
        self.tails = {slug: whole - probed[self._typical.slug] for slug, whole in probed.items()}
        """By type slug: how many more tokens its prompt has than that of the pack's first type."""
        told = self._makeup(job.generation_request(probe, self._typical, (), (_INSTRUCTION,), shared=True))
        self.told_tokens = tokens.estimate(told) - probed[self._typical.slug]
        """How many more it has when it tells what another record of the article asks."""
        forms = [str(self._forms[request.model]) for request in (*firsts, made)]
        self.classification_key = repr((job.classifier.name, job.classify_reads, job.gates, job.max_types, forms[:-1]))
        """Equal for rulers that measure alike, given the same pack."""
        self.generation_key = repr((job.input_mode, job.output_chars, forms[-1]))

    def classification(self, opened: OpenArticle, tokens: Estimator) -> tuple[int, ...]:
        """Return the prompt tokens of the first call to each of `askers`."""
        return tuple(tokens.estimate(self._makeup(request)) for request in _firsts(self._job, opened))

    def generation(self, opened: OpenArticle, tokens: Estimator) -> Making:
        """Return the calls for the article's records."""
        request = self._generation(opened, self._typical)
        form = self._forms[request.model]
        prefix = prefix_bytes(request, form.family, form.structure)
        return Making(tokens.estimate(self._makeup(request)), tokens.estimate(makeup(prefix)) if prefix else 0)

    def asked(self, opened: OpenArticle, cell: Cell) -> Makeup | None:
        """Return the makeup of the first prompt of a cell, as it would be sent now; None where it would be another."""
        job = self._job
        if cell.model not in self._forms:
            return None
        if cell.stage == "classify":
            request = next(iter(job.classification_requests(opened)))
            same = cell.prompt_fingerprint == job.classification_fingerprint and cell.model == request.model
            return self._makeup(request) if same else None
        kind = next((kind for kind in job.pack.types if kind.slug == cell.type_slug), None)
        if kind is None or cell != replace(job.generation(opened.article, kind), article_id=cell.article_id):
            return None
        return self._makeup(self._generation(opened, kind))

    def _generation(self, opened: OpenArticle, type: InstructionType) -> Request:
        return self._job.generation_request(opened, type, (), shared=True)

    def _makeup(self, request: Request) -> Makeup:
        return makeup(self._forms[request.model].body(request))


class Sizes:
    """The calls about one article, each form of them measured once."""

    def __init__(self, opened: OpenArticle, tokens: Estimator) -> None:
        self._opened = opened
        self._tokens = tokens
        self._asked: dict[str, tuple[int, ...]] = {}
        self._made: dict[str, Making] = {}

    def classification(self, ruler: Ruler) -> tuple[int, ...]:
        """Return what `Ruler.classification` does."""
        key = ruler.classification_key
        if key not in self._asked:
            self._asked[key] = ruler.classification(self._opened, self._tokens)
        return self._asked[key]

    def generation(self, ruler: Ruler) -> Making:
        """Return what `Ruler.generation` does."""
        key = ruler.generation_key
        if key not in self._made:
            self._made[key] = ruler.generation(self._opened, self._tokens)
        return self._made[key]


def _form(spec: ModelSpec) -> _Form:
    form = Form(spec)
    return _Form(form.family, form.structure_for(structured=True))


def _firsts(job: Job, opened: OpenArticle) -> Iterator[Request]:
    """Yield the first call at each end of the API that classifying takes."""
    seen = set[bool]()
    for request in job.classification_requests(opened):
        if bool(request.predicates) not in seen:
            seen.add(bool(request.predicates))
            yield request
