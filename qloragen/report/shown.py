"""Records and refused replies as they are shown to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from ..domain.paragraphs import split_paragraphs
from ..pipeline.job import decoded
from ..store.frame import key_of
from ..store.lines import reply_of
from ..types import Article, Completion, Quality
from .articles import Articles
from .cells import short
from .records import Made
from .values import Shown


def shown_of(made: Made, quality: Quality | None = None) -> Shown:
    """Return a record for the eye, with what is measured of it today where that is known."""
    measured = quality or made.quality
    return Shown(
        id=made.id,
        article_id=made.article_id,
        title=made.title,
        content_hash=made.content_hash,
        type_slug=made.slug,
        instruction=made.instruction,
        input=made.input,
        output=made.output,
        grounded=measured.grounded if measured else None,
        supported=measured.supported if measured else None,
        flags=measured.flags if measured else (),
    )


class Refusals:
    """Gathers of chosen cells that were given up the last reply, and why it was the last."""

    def __init__(self, chosen: frozenset[int]) -> None:
        self._chosen = chosen
        self._replies: dict[str, bytes] = {}
        self._reasons: dict[str, Mapping[str, Any]] = {}

    def take(self, kind: str, line: bytes) -> None:
        """Take in a line of the journal; to be called for each in order."""
        if kind in {"reply", "rejection"} and short(key := key_of(line)) in self._chosen:
            if kind == "reply":
                self._replies[key] = line
            else:
                self._reasons[key] = orjson.loads(line)

    def shown(self, articles: Articles) -> list[Shown]:
        """Return each for the eye, in order of their keys."""
        return [
            _refused(key, fields, self._replies.get(key), articles) for key, fields in sorted(self._reasons.items())
        ]


class _Said(NamedTuple):
    """What a reply says for each field, as far as it can be read."""

    instruction: str = ""
    input: str = ""
    output: str = ""


def _refused(key: str, fields: Mapping[str, Any], reply: bytes | None, articles: Articles) -> Shown:
    article = articles.article(fields["content_hash"])
    said = _said(reply, article) if reply is not None else _Said()
    return Shown(
        id=key,
        article_id=fields["article_id"],
        title=article.title if article else None,
        content_hash=fields["content_hash"],
        type_slug=fields["type_slug"],
        instruction=said.instruction,
        input=said.input,
        output=said.output,
        grounded=None,
        supported=None,
        flags=tuple(fields.get("also", ())),
        reason=fields["reason"],
        detail=fields["detail"],
    )


def _said(line: bytes, article: Article | None) -> _Said:
    try:
        completion = decoded(reply_of(line))
    except ValidationError:
        return _Said()
    if completion is None:
        return _Said()
    fields = _fields(completion)
    if fields is None:
        return _Said(output=completion.arguments or completion.text or completion.refusal or "")
    return _Said(_text(fields, "instruction"), _input(fields, article), _text(fields, "output"))


def _fields(completion: Completion) -> Mapping[str, object] | None:
    try:
        fields = orjson.loads(completion.arguments or "")
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) and fields.keys() & {"instruction", "output"} else None


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _input(fields: Mapping[str, object], article: Article | None) -> str:
    """Return the paragraphs that a reply names, else its own words."""
    numbers = fields.get("evidence")
    if article is None or not isinstance(numbers, list):
        return _text(fields, "evidence" if "evidence" in fields else "input")
    return "\n\n".join(_paragraphs(numbers, split_paragraphs(article.content, article.format)))


def _paragraphs(numbers: Sequence[object], paragraphs: Sequence[str]) -> list[str]:
    """Return paragraphs by their numbers, and in their place what is no number of one."""
    named = [number for number in numbers if isinstance(number, int) and 1 <= number <= len(paragraphs)]
    strange = [f"[no paragraph {orjson.dumps(number).decode()}]" for number in numbers if number not in named]
    return [*(paragraphs[number - 1] for number in sorted(set(named))), *strange]
