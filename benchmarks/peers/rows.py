"""What a peer of `faults` is asked to do: one row for each article, in a directory; standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

QUESTION = "Write one question that this article answers, and its answer, as JSON with instruction and output."


class Item(NamedTuple):
    """One article."""

    id: str
    text: str

    @property
    def prompt(self) -> str:
        """The question and the article, in one message."""
        return f"{QUESTION}\n\n{self.text}"


@dataclass(frozen=True)
class Task:
    """Articles to make rows of, and how hard the server may be used."""

    articles: str
    """A JSONL file with `id` and `content`."""
    folder: str
    """Where output and state go; the same command in the same folder goes on."""
    base_url: str
    in_flight: int
    timeout_s: int
    """For one call."""
    model: str = "gpt-4.1-mini"

    def items(self) -> list[Item]:
        """Return the articles."""
        lines = Path(self.articles).read_text("utf-8").splitlines()
        return [Item(row["id"], row["content"]) for row in map(json.loads, lines)]

    @property
    def dataset(self) -> Path:
        """The JSONL file of rows, with `id` and `output`."""
        return Path(self.folder, "dataset.jsonl")

    def write(self, rows: list[tuple[str, str | None]]) -> None:
        """Write what a library has handed back as its dataset."""
        lines = (json.dumps({"id": article, "output": output}) for article, output in rows)
        self.dataset.write_text("".join(f"{line}\n" for line in lines), "utf-8")
