"""Runs with records to judge, and judges that know, or do not know, what was planted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from qloragen.domain.judging.text import Told
from qloragen.domain.paragraphs import split_paragraphs
from qloragen.domain.planting.text import prose, subject
from qloragen.engine import HttpReply
from qloragen.packs import load_pack
from qloragen.store.run import open_run, read_records
from qloragen.testing import Body, ScriptedClient, reply
from qloragen.types import Article, Format, Record, digest

from .values import a_record

EXAMPLES = Path(__file__).resolve().parents[1] / "examples/articles"
FORMATS: dict[str, Format] = {".md": "markdown", ".html": "html", ".adoc": "asciidoc", ".rst": "rst", ".txt": "text"}
PACK = load_pack()
QUESTIONS = tuple(PACK.judge.questions)
MODEL = "claude-judge"
PRICED = {MODEL: {"price": {"prompt": "1", "completion": "5"}}}

_FIELDS = re.compile(r"instruction:\n(.*?)\n\ninput:\n(.*)\n\noutput:\n(.*)\Z", re.DOTALL)


def articles() -> list[Article]:
    """Return the articles of the examples."""
    paths = sorted(EXAMPLES.iterdir())
    return [Article(path.name, path.read_text("utf-8"), path.stem, format=FORMATS[path.suffix]) for path in paths]


def records_of(article: Article, most: int = 6) -> list[Record]:
    """Return records about an article, as a careful model would write them."""
    found: list[Record] = []
    for number, paragraph in enumerate(split_paragraphs(article.content, article.format)):
        sentences = [sentence for sentence in prose(paragraph) if len(sentence) > 60]
        kind = PACK.types[number % len(PACK.types)]
        if sentences and len(found) < most:
            about = subject(sentences[0], paragraph)
            found.append(
                a_record(
                    f"{article.id} {number}",
                    article_id=article.id,
                    content_hash=article.content_hash,
                    type=kind.number,
                    type_slug=kind.slug,
                    instruction=f"What should one know about {about} when working with {article.title}?",
                    input=paragraph,
                    output=" ".join(sentences[:2]),
                    model="gpt-6-luna",
                )
            )
    return found


def make_run(folder: Path, most: int = 6) -> list[Record]:
    """Put a run into `folder`, and return its records."""
    with open_run(folder) as run:
        for article in articles():
            run.add_article(article)
            for record in records_of(article, most):
                run.add_record(record)
        run.flush()
    return list(read_records(folder))


@dataclass(frozen=True)
class Seen:
    """What a judge is shown of one record."""

    told: str
    """What is said of its type."""
    instruction: str
    input: str
    output: str
    prompt: str

    @property
    def text(self) -> tuple[str, str, str]:
        return self.instruction, self.input, self.output


def seen_in(body: Body) -> Seen:
    """Return what a call shows."""
    messages = body["messages"]
    assert isinstance(messages, list)
    parts = messages[1]["content"]
    prompt = parts if isinstance(parts, str) else "".join(part["text"] for part in parts)
    before, _, rest = prompt.partition("\n<record-")
    inside = rest.partition(">\n")[2].rpartition("\n</record-")[0]
    fields = _FIELDS.match(inside)
    assert fields, inside
    told = before.partition("The record is to be of this type:\n\n")[2].strip()
    instruction, given, output = fields.groups()
    return Seen(told, instruction, given, output, prompt)


def said(seen: Seen, *noes: str, quote: str | None = None) -> HttpReply:
    """Return a reply that answers these questions with no, and quotes words of the record."""
    words = seen.output[:60] if quote is None else quote
    answers = {name: {"quote": words, "yes": name not in noes} for name in QUESTIONS}
    return reply(arguments=orjson.dumps(answers).decode(), usage=(900, 200))


class Oracle:
    """Knows which records of a run were planted."""

    def __init__(self, records: list[Record]) -> None:
        types = {kind.slug: Told(kind.name, kind.guidance) for kind in PACK.types}
        self._told = {(record.instruction, record.input, record.output): types[record.type_slug] for record in records}

    def is_record(self, seen: Seen) -> bool:
        """Whether it is a record as it is."""
        told = self._told.get(seen.text)
        return told is not None and seen.told == f"{told.name}. {told.guidance}"

    def is_good(self, seen: Seen) -> bool:
        """Whether it is a control without a defect."""
        return seen.text not in self._told and seen.told.startswith("Quotation.") and seen.output in _joined(seen.input)

    def is_planted(self, seen: Seen) -> bool:
        """Whether it is a control with a defect."""
        return not self.is_record(seen) and not self.is_good(seen)

    def perfect(self, body: Body) -> HttpReply:
        """Find every planted defect, and nothing else."""
        seen = seen_in(body)
        return said(seen, "supported") if self.is_planted(seen) else said(seen)

    def half(self, body: Body) -> HttpReply:
        """Find half of the planted defects."""
        seen = seen_in(body)
        found = self.is_planted(seen) and int(digest("".join(seen.text)), 16) % 2
        return said(seen, "supported") if found else said(seen)


def _joined(text: str) -> str:
    return " ".join(text.split())


def always_yes(body: Body) -> HttpReply:
    """Like everything."""
    return said(seen_in(body))


def always_no(body: Body) -> HttpReply:
    """Like nothing."""
    return said(seen_in(body), *QUESTIONS)


def client_of(answer: Callable[[Body], HttpReply]) -> ScriptedClient:
    """Return a client whose judge answers at once."""
    return ScriptedClient(answer, latency_s=0.0)
