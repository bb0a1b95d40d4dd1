"""Make a run of records that people have written, so that the loop can be tried without an API key.

The articles and records are those that this repository's tests and examples hold, the English ones. They go the way of
every run, classified, checked, journalled and exported; only that these files answer in the place of a model.

Run: python examples/qlora/written.py RUN_DIRECTORY
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

import qloragen
from qloragen.testing import Body, HttpReply, ScriptedClient, reply

ROOT = Path(__file__).resolve().parents[2]
AUTHOR = "written-by-hand"
FREE = {"price": {"prompt": 0, "completion": 0}}
ENDINGS = {".md": "markdown", ".html": "html", ".adoc": "asciidoc", ".rst": "rst", ".txt": "text"}
OTHER_LANGUAGES = frozenset(
    {"Docker", "Cheese", "Solar power", "Nginx", "Git", "Fotovoltaik und Mietrecht"}
    | {"Symfony", "绿茶", "SQLite", "Windkraft"}
)
"""Fields whose texts are not in English, which is all that the small model speaks."""

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Written:
    """An article, as a source takes it, and the record that somebody has written for each of some types."""

    article: Mapping[str, str]
    records: Mapping[str, Fields]

    def is_shown_in(self, prompt: str) -> bool:
        """Say whether the prompt holds the article: its longest line, which no conversion changes, but for tags."""
        lines = re.sub(r"<[^>]*>", "\n", self.article["content"]).splitlines()
        return max(lines, key=len).strip() in prompt


def of_many_fields() -> Iterator[Written]:
    """Yield short texts of many fields."""
    for source in tomllib.loads((ROOT / "tests/honest_records.toml").read_text("utf-8"))["sources"]:
        article = {"id": source["field"], "content": source["text"], "format": source["format"]}
        if source["field"] not in OTHER_LANGUAGES:
            yield Written(article, by_type(record for record in source["records"] if "evidence" in record))


def of_the_examples() -> Iterator[Written]:
    """Yield the articles in `examples/articles`."""
    lines = (ROOT / "tests/written_records.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    for file in sorted((ROOT / "examples/articles").iterdir()):
        article = {"id": file.name, "content": file.read_text("utf-8"), "format": ENDINGS[file.suffix]}
        yield Written(article, by_type(record for record in records if record["article"] == file.name))


def by_type(records: Iterable[Fields]) -> Mapping[str, Fields]:
    """Return the first record of each type, for a run has one of an article and type."""
    found: dict[str, Fields] = {}
    for record in records:
        found.setdefault(str(record["type"]), record)
    return found


def article_and_wish(body: Body) -> str:
    """Return what the second message says: the article, and after it what is wanted."""
    messages = body["messages"]
    assert isinstance(messages, list)
    return str(messages[1]["content"])


def answering(library: Sequence[Written]) -> Callable[[Body], HttpReply]:
    """Return what answers every call with what is written: which types an article has, and the records themselves.

    Two types apply to every article whatever the answer is; where nobody has written one of them, it is rejected.
    """
    types = tomllib.loads((ROOT / "prompts/pack.toml").read_text("utf-8"))["types"]

    def answer(body: Body) -> HttpReply:
        prompt = article_and_wish(body)
        written = next(written for written in library if written.is_shown_in(prompt))
        if "tools" not in body:
            numbers = [str(kind["number"]) for kind in types if kind["slug"] in written.records]
            return reply(", ".join(numbers) or "0", usage=(0, 0))
        wanted = prompt.partition("Write one record of this type:")[2].strip()
        slug = next(kind["slug"] for kind in types if wanted.startswith(f"{kind['name']}."))
        if slug not in written.records:
            return reply("Nobody has written such a record.", usage=(0, 0))
        record = written.records[slug]
        return reply(
            arguments=json.dumps({name: record[name] for name in ("instruction", "evidence", "output")}), usage=(0, 0)
        )

    return answer


async def main(folder: str) -> None:
    library = [*of_many_fields(), *of_the_examples()]
    async with qloragen.Session(
        folder,
        client=ScriptedClient(answering(library), latency_s=0),
        classify_model=AUTHOR,
        generate_model=AUTHOR,
        models={AUTHOR: FREE},
        structure="tools",
        record_asks=1,
    ) as session:
        await session.process([written.article for written in library])
        print(f"{session.summary.records} records of {len(library)} articles are in {folder}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
