"""What OpenAI asks of a file for supervised fine-tuning.

Sources, as of 2026-11-29: the guide "Supervised fine-tuning" (developers.openai.com/api/docs/guides/
supervised-fine-tuning, "Build your dataset") for the shape of lines, at least ten examples, and at most 65,536 tokens
in one, with all of the models that it lists, the end of longer ones being cut off; the reference of the Files API
(`POST /files`, quoted by `files.create` of the package openai) for `.jsonl` as the only kind of file and 512 MB as the
largest; "Data preparation and analysis for chat model fine-tuning" of the cookbook (cookbook.openai.com/examples/
chat_finetuning_data_prep) for keys, roles, texts that are not empty, and an answer in each example. It has to come
last: what is said after the last answer would teach nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .containers.put import encoded
from .example import Example, ExportError
from .form import Row

LEAST_EXAMPLES = 10
MOST_TOKENS = 65_536
"""Of all texts of an example."""
MOST_BYTES = 512_000_000
"""Of a file. Whether OpenAI counts in thousands or in 1024s it does not say; so many are right either way."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(min_length=1)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[_Message]


def refuse_container(container: str, out: Path | None) -> None:
    """Make sure that a file of this container, and of this name if it has one, can be uploaded as it is.

    Raises:
        ExportError: It cannot.
    """
    if container != "jsonl" or (out and out.suffix.lower() == ".gz"):
        raise ExportError(
            f"OpenAI takes JSON lines that are not compressed, and {out or 'the output'} would be something else; "
            "name a file that ends in .jsonl, or export as messages."
        )


class OpenAiRules:
    """The rules, kept to by one training file. All but the number of examples hold for a validation file too."""

    def __init__(self, count: Callable[[str], int]) -> None:
        """Count the tokens of a text by `count`, which may estimate them. No text has more tokens than bytes in UTF-8,
        so that only those of long examples are counted."""
        self._count = count
        self._examples = 0
        self._bytes = 0

    def look(self, row: Row, example: Example) -> None:
        """Check the line of an example, and count it in.

        Raises:
            ExportError: It, or the file with it, breaks a rule.
        """
        texts = _texts(row, example)
        size = sum(len(text.encode()) for text in texts)
        tokens = sum(map(self._count, texts)) if size > MOST_TOKENS else 0
        if tokens > MOST_TOKENS:
            raise ExportError(
                f"{_name(example)} has {tokens:,} tokens, and OpenAI cuts off what is beyond {MOST_TOKENS:,}, answer "
                f"first; leave out such examples by `--max-tokens {MOST_TOKENS}`."
            )
        self._examples += 1
        self._bytes += len(encoded(row)) + 1
        if self._bytes > MOST_BYTES:
            raise ExportError(
                f"{_name(example)}, number {self._examples:,}, would make the file larger than the 512 MB that OpenAI "
                "takes; export fewer types, or filter more."
            )

    def end(self) -> None:
        """Check what only the whole file shows.

        Raises:
            ExportError: It has too few examples to train on.
        """
        if self._examples < LEAST_EXAMPLES:
            raise ExportError(
                f"OpenAI trains on {LEAST_EXAMPLES} examples or more, and there would be {self._examples}; make more "
                "records, or filter less."
            )


def _texts(row: Row, example: Example) -> tuple[str, ...]:
    """Return what is said in a line, in order."""
    try:
        messages = _Line.model_validate(row).messages
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ExportError(
            f"{_name(example)} is not what OpenAI takes: {where}: {problem['msg']}; leave it out or mend it."
        ) from None
    if not messages or messages[-1].role != "assistant":
        raise ExportError(f"{_name(example)} does not end with an answer, as OpenAI asks; leave it out or mend it.")
    return tuple(message.content for message in messages)


def _name(example: Example) -> str:
    return f"The example {example.id or example.instruction[:40]!r}"
