"""Objects (JSON lines, array elements, the dicts of a caller) to candidates, by the field mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args
from uuid import UUID

from ..types import Format, Skip, SkipReason
from .values import Candidate, Options

_USUAL_PLACES = ("text", "body", "page_content", "markdown", "html", "_source.content", "_source.text")
_FORMATS: Mapping[str, Format] = {
    **{name: name for name in get_args(Format)},
    "md": "markdown",
    "htm": "html",
    "adoc": "asciidoc",
    "restructuredtext": "rst",
    "plain": "text",
    "txt": "text",
}
_MISSING = object()


class MalformedError(ValueError):
    """The object is not what an article can be made of; the message says why."""


def candidate(source: Mapping[str, object], where: str, options: Options) -> Candidate | Skip:
    """Read an object. Unknown fields are ignored; content or an id of a wrong type makes it malformed.

    | id | becomes |
    |---|---|
    | text | itself, byte for byte |
    | missing, null, empty or blank | `text:` and the hash of the cleaned text |
    | a whole number | `int:` and the number, which cannot be taken for the same digits as text |
    | a UUID, as databases give it | its text |
    | anything else | malformed |
    """
    try:
        content = _content(source, options.fields.content)
        identity = _identity(source, options.fields.id)
    except MalformedError as error:
        return Skip(where, SkipReason.MALFORMED, str(error))
    title, odd_title = _optional_text(source, options.fields.title)
    url, odd_url = _optional_text(source, options.fields.url)
    named, odd_format = _optional_text(source, options.fields.format)
    known = _FORMATS.get(named.lower()) if named else options.format
    return Candidate(
        where=where,
        content=content,
        id=identity,
        title=title,
        url=url,
        format=known or options.format,
        odd_metadata=odd_title or odd_url or odd_format or known is None,
    )


def _at(source: Mapping[str, object], path: str) -> object:
    """The value of a field, else the value at the end of a dotted path, else `_MISSING`."""
    if path in source:
        return source[path]
    value: object = source
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def usual_place(source: Mapping[str, object]) -> str | None:
    """Return where other systems keep an article's text, if `source` has a text or list there."""
    return next((place for place in _USUAL_PLACES if isinstance(_at(source, place), str | list)), None)


def _content(source: Mapping[str, object], path: str) -> str:
    value = _at(source, path)
    if isinstance(value, str):
        return value
    if value is _MISSING:
        other = usual_place(source)
        hint = f"; there is `{other}`, map content to it" if other else ""
        raise MalformedError(f"no field for the content{hint}")
    if not isinstance(value, Sequence) or isinstance(value, bytes | bytearray):
        raise MalformedError(f"content is {_kind(value)}, not text or a list of texts")
    chunks = [chunk for chunk in value if isinstance(chunk, str)]
    if len(chunks) != len(value):
        raise MalformedError("content is a list that holds something else than texts")
    return "".join(chunks)


def _identity(source: Mapping[str, object], path: str) -> str | None:
    value = _at(source, path)
    if value is _MISSING:
        value = source.get("_id")
    if isinstance(value, str):
        return whole_identity(value)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int:{value}"
    if isinstance(value, UUID):
        return str(value)
    raise MalformedError(f"id is {_kind(value)}, not text")


def whole_identity(text: str) -> str | None:
    """Return an id as it is; None for a blank one.

    Raises: MalformedError, for half a surrogate pair: it cannot be written, and mended two ids could become one.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedError("half a surrogate pair in the id") from None
    return text if text.strip() else None


def _optional_text(source: Mapping[str, object], path: str) -> tuple[str | None, bool]:
    """The text of a field, and whether something else was there."""
    value = _at(source, path)
    if isinstance(value, str):
        return value.strip() or None, False
    return None, value is not None and value is not _MISSING


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case list():
            return "a list"
        case _:
            return f"of type {type(value).__name__}"
