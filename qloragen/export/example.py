"""What training takes from a record, read from a run's sink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ..errors import SetupError

SINK = "records.jsonl"


class ExportError(SetupError):
    """There is nothing to export, or nowhere to export it to."""


class Example(BaseModel):
    """The three training fields of one record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    instruction: str
    input: str
    # Trainers look for the border between prompt and completion in the tokens; white space there would blur it.
    output: Annotated[str, AfterValidator(str.strip)]


def examples(run_dir: Path) -> Iterator[Example]:
    """Yield the examples of a run in the order of its records, holding one at a time.

    Of several records of one type for the same article, made before and after a prompt or the article was changed, the
    newest counts. To know it, the file is read twice, and some 100 bytes are held for each article and type.
    A last line without its newline is being written, or was torn by a crash, and is left out.

    Raises:
        ExportError: there is no run, it has no records, or a line of it is not a record.
    """
    if not run_dir.is_dir():
        raise ExportError(f"There is no run in {run_dir}: no such folder.")
    none_yet = f"The run in {run_dir} has no records to export; `qloragen status {run_dir}` says how far it came."
    try:
        lines = (run_dir / SINK).open("rb")
    except FileNotFoundError:
        raise ExportError(none_yet) from None
    found = False
    with lines:
        newest = dict(_places(lines))
        lines.seek(0)
        for number, line in enumerate(lines, start=1):  # bytes, which end at \n only: U+2028 and its like are text
            if not line.endswith(b"\n"):
                break
            found = True
            if newest.get(_place(line), number) == number:
                yield _example(line, run_dir / SINK, number)
    if not found:
        raise ExportError(none_yet)


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore")

    article_id: str
    type_slug: str


def _places(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the place of each whole record, and the number of its line."""
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\n") and (place := _place(line)):
            yield place, number


def _place(line: bytes) -> bytes:
    """Return what identifies the article and type of a record; nothing for a line that does not say."""
    try:
        place = _Place.model_validate_json(line)
    except ValidationError:
        return b""
    return blake2b(repr((place.article_id, place.type_slug)).encode("utf-8", "replace"), digest_size=16).digest()


def _example(line: bytes, path: Path, number: int) -> Example:
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ExportError(f"{path}:{number} is not a record: {where} {problem['msg']}.") from None
