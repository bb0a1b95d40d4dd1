"""What training takes from a record, read from a run's sink."""

from __future__ import annotations

from collections.abc import Iterator
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
        for number, line in enumerate(lines, start=1):  # bytes, which end at \n only: U+2028 and its like are text
            if not line.endswith(b"\n"):
                break
            found = True
            yield _example(line, run_dir / SINK, number)
    if not found:
        raise ExportError(none_yet)


def _example(line: bytes, path: Path, number: int) -> Example:
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ExportError(f"{path}:{number} is not a record: {where} {problem['msg']}.") from None
