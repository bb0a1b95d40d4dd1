"""What takes long about a long article is done beside the event loop, one piece at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Any

import anyio
import pytest

from qloragen import Article
from qloragen.assembly import job_of
from qloragen.pipeline.job import Job, OpenArticle
from qloragen.pipeline.reading import MOST_CHARS, Reader
from qloragen.settings import load
from qloragen.types import Invalid

from .values import a_reply


@dataclass(frozen=True, slots=True)
class Watched(Job):
    """A job that notes in which threads replies are read, and how many at a time."""

    threads: list[int] = field(default_factory=list)
    at_once: list[int] = field(default_factory=list)
    reading: list[int] = field(default_factory=list)

    def read_generation(self, opened, type, reply):
        self.reading.append(1)
        self.at_once.append(len(self.reading))
        self.threads.append(threading.get_ident())
        self.reading.pop()
        return Invalid("schema", "Nothing is good enough.")


def watched() -> Watched:
    job = job_of(load())
    given: dict[str, Any] = {one.name: getattr(job, one.name) for one in fields(Job) if one.init}
    return Watched(**given)


@pytest.mark.parametrize(
    ("content", "body", "beside"),
    [
        ("A memtable.", "{}", False),
        ("A memtable. " * MOST_CHARS, "{}", True),
        ("A memtable.", "x" * MOST_CHARS * 2, True),
    ],
    ids=["short", "long article", "long reply"],
)
async def test_replies_are_read_beside_the_loop_where_that_takes_long(content, body, beside):
    job, opened = watched(), OpenArticle(Article("a", content))
    kind = job.pack.types[0]

    reader, reply = Reader(job), a_reply(job.generation(opened.article, kind), body=body)
    await reader.draft(opened, kind, reply)
    await reader.draft(opened, kind, reply)

    first, second = job.threads
    assert first != threading.get_ident()  # what checks have to load takes longest of all
    assert (second != threading.get_ident()) == beside


async def test_however_many_replies_there_are_they_keep_one_thread_busy():
    job, opened = watched(), OpenArticle(Article("a", "A memtable. " * MOST_CHARS))
    reader = Reader(job)

    async with anyio.create_task_group() as tasks:
        for kind in job.pack.types:
            tasks.start_soon(reader.draft, opened, kind, a_reply(job.generation(opened.article, kind)))

    assert len(job.threads) == len(job.pack.types)
    assert set(job.at_once) == {1}


async def test_a_long_article_is_laid_out_before_anything_is_asked_about_it():
    opened = OpenArticle(Article("a", "A memtable. " * MOST_CHARS))

    await Reader(watched()).lay_out(opened)

    assert "block" in vars(opened)
    assert "block" not in vars(OpenArticle(Article("b", "A memtable.")))
