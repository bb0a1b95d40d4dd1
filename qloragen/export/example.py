"""What training takes from a record, and which lines of a run's sink count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice, zip_longest
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ..errors import SetupError

SINK = "records.jsonl"

Holds = Callable[[str, str, str], bool]
"""Says of a record, by its id, type slug and text hash, whether it was made under the run's last circumstances."""


class ExportError(SetupError):
    """There is nothing to export, or nowhere to export it to."""


OWN = "qloragen"
"""The `source` of a run's own examples."""


class Turn(NamedTuple):
    """What one side said in a chat."""

    role: Literal["user", "assistant"]
    text: str


class Noted(BaseModel):
    """What the checks have measured and noted of a record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    grounded: float = 1.0
    supported: float = 1.0
    flags: tuple[str, ...] = ()


class Example(BaseModel):
    """One training example: the three fields, and where they come from. Of a run's record, or of general data."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    instruction: str
    input: str
    # Trainers look for the border between prompt and completion in the tokens; white space there would blur it.
    output: Annotated[str, AfterValidator(str.strip)]
    id: str = ""
    article_id: str = ""
    content_hash: str = ""
    """Of the article's text."""
    type_slug: str = ""
    quality: Noted = Noted()
    system: str = ""
    """What general data says to the model before all else; empty in records."""
    earlier: tuple[Turn, ...] = ()
    """Turns of general data before the instruction, user and assistant in turn; empty in records."""
    source: str = OWN
    """Tag of where it comes from: the run, or the name of a file of general data."""


def of_any(_key: str, _slug: str, _content_hash: str) -> bool:
    """Take every record for one of today: what the run's last circumstances are is not known."""
    return True


class Line(NamedTuple):
    """A line of a sink that counts."""

    number: int
    """From 1."""
    at: int
    """Its offset."""
    text: bytes
    held: bool
    """Whether its record was made under the run's last circumstances."""


def chosen_lines(sink: BinaryIO, holds: Holds) -> Iterator[Line]:
    """Yield the lines of a sink that count, in their order: of several records of one type for the same article, made
    before and after a model, a prompt or the article was changed, the newest of those that hold, or else the newest.

    The sink is read twice; what is added meanwhile is left out, and so is a last line without its newline: it is being
    written, or was torn by a crash. Some 100 bytes are held for each article and type.
    """
    yield from marked_lines(sink, marks_of(sink, holds))


def marked_lines(sink: BinaryIO, marks: bytearray) -> Iterator[Line]:
    """Yield the lines of a sink that count, as `marks_of` it says."""
    sink.seek(0)
    at = 0
    for number, (mark, line) in enumerate(zip(marks, sink, strict=False), start=1):
        if mark != _OUTDONE:
            yield Line(number, at, line, mark == _HELD)
        at += len(line)


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = ""
    article_id: str
    type_slug: str
    content_hash: str = ""


_OUTDONE, _OUTDATED, _HELD = range(3)
"""A line that does not count, one that does though its record does not hold, and one whose record does."""
_HOLDS_BIT, _LINE_BITS = 47, 48


def marks_of(lines: Iterable[bytes], holds: Holds) -> bytearray:
    """Return for each whole line whether it counts; one that is no record does, for a reader to stumble over."""
    marks, found = bytearray(), list[int]()
    for number, line in enumerate(lines):  # bytes, which end at \n only: U+2028 and its like are text
        if not line.endswith(b"\n"):
            break
        place, held = _place(line, holds)
        marks.append(_OUTDONE if place else _HELD)
        if place:
            found.append(int.from_bytes(place) << _LINE_BITS | held << _HOLDS_BIT | number)
    found.sort()  # so that the one that counts is the last of its place
    for one, following in zip_longest(found, islice(found, 1, None), fillvalue=-1):
        if one >> _LINE_BITS != following >> _LINE_BITS:
            marks[one & ((1 << _HOLDS_BIT) - 1)] = _HELD if one >> _HOLDS_BIT & 1 else _OUTDATED
    return marks


def _place(line: bytes, holds: Holds) -> tuple[bytes, bool]:
    """Return what identifies the article and type of a record (nothing for a line that does not say), and whether it
    holds."""
    try:
        place = _Place.model_validate_json(line)
    except ValidationError:
        return b"", True
    name = blake2b(repr((place.article_id, place.type_slug)).encode("utf-8", "replace"), digest_size=16).digest()
    return name, holds(place.id, place.type_slug, place.content_hash)


def example_of(line: bytes, path: Path, number: int) -> Example:
    """Read a line of the file at `path`.

    Raises:
        ExportError: It is not a record.
    """
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors()[0]
        where = "".join(f"{part}: " for part in problem["loc"])
        raise ExportError(
            f"{path}:{number} is not a record ({where}{problem['msg']}); mend that line, or let `qloragen "
            "rebuild` make the file anew from the run's journal."
        ) from None
