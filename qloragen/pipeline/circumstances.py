"""What the addresses of cells depend on besides the article, and what has become different since earlier sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from ..domain import cells
from ..types import Format, InputMode
from .job import Job

TEXT_CHANGED = "article text"


@dataclass(frozen=True, slots=True)
class Terms:
    """The circumstances of one kind of cell: classifications, or the records of one type."""

    slug: str | None
    """Of the instruction type; None: classifications."""
    model: str
    prompt: str
    """Fingerprint of the prompt."""
    parameters: str
    """As `Job.parameters_of`."""
    input_mode: InputMode | None
    """Who writes the input of a record; None for classifications."""

    def key(self, content_hash: str, format: Format) -> str:
        """Return the key of the cell of a text."""
        if self.slug is None or self.input_mode is None:
            return cells.classification_key(
                content_hash, model=self.model, fingerprint=self.prompt, parameters=self.parameters
            )
        return cells.generation_key(
            content_hash,
            format,
            self.slug,
            model=self.model,
            fingerprint=self.prompt,
            parameters=self.parameters,
            mode=self.input_mode,
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything besides the article that cells are worked under. Kept in `run.json`, so that what was made under other
    circumstances can be found without the prompts and settings of then."""

    classifier: str
    """As `Job.classified_by`."""
    classify_model: str
    classify_prompt: str
    classify_parameters: str
    generate_model: str
    generate_parameters: str
    input_mode: InputMode
    type_prompts: Mapping[str, str]
    """Type slug to the fingerprint of its generation prompt."""

    def terms(self, slug: str | None) -> Terms | None:
        """Return what cells of a type (None: classifications) are worked under; None for an unknown type."""
        if slug is None:
            return Terms(None, self.classify_model, self.classify_prompt, self.classify_parameters, None)
        prompt = self.type_prompts.get(slug)
        if prompt is None:
            return None
        return Terms(slug, self.generate_model, prompt, self.generate_parameters, self.input_mode)


def circumstances_of(job: Job) -> Circumstances:
    """Return what the cells of `job` are worked under."""
    return Circumstances(
        classifier=job.classified_by,
        classify_model=job.classify_model,
        classify_prompt=job.classification_fingerprint,
        classify_parameters=job.classification_parameters,
        generate_model=job.generate_model,
        generate_parameters=job.parameters_of(job.generate_model),
        input_mode=job.input_mode,
        type_prompts={kind.slug: job.fingerprint(kind) for kind in job.pack.types},
    )


_FORMATS: tuple[Format, ...] = get_args(Format)


class Present:
    """Tells cells of the last circumstances from those of earlier ones, whose work is to be done again."""

    def __init__(self, now: Circumstances) -> None:
        slugs = (None, *now.type_prompts)
        self._terms = {slug: terms for slug in slugs if (terms := now.terms(slug))}
        self._formats = list(_FORMATS)

    def holds(self, key: str, slug: str | None, content_hash: str) -> bool:
        """Say whether the cell `key` of type `slug` (None: a classification) is one that would be worked on now."""
        return self.markup(key, slug, content_hash) is not None

    def markup(self, key: str, slug: str | None, content_hash: str) -> Format | None:
        """Return as what the text of such a cell is read, always the same where that is all one; None for others."""
        terms = self._terms.get(slug)
        if terms is None:
            return None
        for place, markup in enumerate(self._formats):
            if terms.key(content_hash, markup) == key:
                self._formats.insert(0, self._formats.pop(place))  # most articles of a run are marked up alike
                return markup
        return None

    def keys(self, content_hash: str) -> Iterator[str]:
        """Yield every key that a cell of a text could have now."""
        for terms in self._terms.values():
            for markup in _FORMATS:
                yield terms.key(content_hash, markup)


def grown(history: Sequence[Circumstances], now: Circumstances) -> tuple[Circumstances, ...]:
    """Return `history`, oldest first, with `now` as its last; each is in it once."""
    return (*(earlier for earlier in history if earlier != now), now)


class Outdated:
    """Where the work of earlier sessions is that the present one has to do again, and why.

    Built once, so that an article costs no more than a few digests.
    """

    def __init__(self, now: Circumstances, history: Sequence[Circumstances]) -> None:
        """`history` is in order of use, the last one last."""
        slugs = (None, *now.type_prompts)
        self._now = {slug: terms for slug in slugs if (terms := now.terms(slug))}
        self._outdated = {slug: tuple(_outdated(now, history, terms)) for slug, terms in self._now.items()}
        self._unheard_of = {
            slug: places[0][0]
            for slug, places in self._outdated.items()
            if places and not any(earlier.terms(slug) == self._now[slug] for earlier in history)
        }

    @property
    def unheard_of(self) -> Mapping[str | None, str]:
        """Types (None: classifications) that were worked on before, but never as now, to what has changed."""
        return self._unheard_of

    def key(self, slug: str | None, content_hash: str, format: Format) -> str:
        """Return the key that the cell of a text has now."""
        return self._now[slug].key(content_hash, format)

    def predecessors(
        self, slug: str | None, content_hash: str, format: Format, known_as: str | None
    ) -> Iterator[tuple[str, str]]:
        """Yield keys that the cell may have been settled under before, each after what has changed since, in words.

        `known_as` is the hash of the text that the article's id had last; None when the id is new.
        """
        for cause, terms in self._outdated[slug]:
            yield cause, terms.key(content_hash, format)
        if known_as is not None and known_as != content_hash:
            yield TEXT_CHANGED, self._now[slug].key(known_as, format)
            for _, terms in self._outdated[slug]:
                yield TEXT_CHANGED, terms.key(known_as, format)
        elif known_as and slug is not None and self._now[slug].input_mode == "evidence":
            for other in _FORMATS:
                if other != format:
                    yield f"markup of the article {other} -> {format}", self._now[slug].key(content_hash, other)


def _outdated(now: Circumstances, history: Sequence[Circumstances], terms: Terms) -> Iterator[tuple[str, Terms]]:
    """Yield what `terms` were in `history` and are not any more, the newest first, each after what has changed."""
    seen = {terms}
    for earlier in reversed(history):
        old = earlier.terms(terms.slug)
        if old is not None and old not in seen:
            seen.add(old)
            yield " and ".join(_differences(earlier, now, old, terms)), old


def _differences(earlier: Circumstances, now: Circumstances, old: Terms, new: Terms) -> Iterator[str]:
    if old.model != new.model:
        stage = "classify" if new.slug is None else "generate"
        yield f"{stage} model {old.model} -> {new.model}"
    if new.slug is not None and old.input_mode != new.input_mode:
        yield f"input mode {old.input_mode} -> {new.input_mode}"  # brings another prompt with it
    elif old.prompt != new.prompt:
        yield _prompt(earlier, now, new.slug)
    yield from _parameters(old.parameters, new)


def _prompt(earlier: Circumstances, now: Circumstances, slug: str | None) -> str:
    if slug is None and earlier.classifier != now.classifier:
        return f"classifier {earlier.classifier} -> {now.classifier}"
    if slug is None:
        return "classification prompt"
    common = earlier.type_prompts.keys() & now.type_prompts.keys()
    kept = any(earlier.type_prompts[other] == now.type_prompts[other] for other in common)
    return f"prompt of type {slug}" if kept or len(common) == 1 else "prompts of all types"


def _parameters(old: str, new: Terms) -> Iterator[str]:
    (old_heat, _, old_fields), (heat, _, fields) = old.partition(";"), new.parameters.partition(";")
    if old_heat != heat:
        yield f"temperature {_value(old_heat)} -> {_value(heat)}"
    if old_fields != fields:
        # Without their values: nobody knows what people send to their own servers.
        yield f"parameters of {new.model}"


def _value(assignment: str) -> str:
    return assignment.partition("=")[2] or "unset"
