"""Articles that the caller has: any iterable, pulled only as far as it is consumed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from qloragen.errors import SourceError
from qloragen.sources import Fields, Options, read, read_items
from qloragen.types import Article, Skip, SkipReason


def about(name: object) -> str:
    """An article that is long enough."""
    return f"The coordinator of {name} sends the read to as many replicas as the level asks for, and waits. " * 3


TEXT = about("orders").strip()
DEFAULTS = Options()


async def _everything(source, options: Options = DEFAULTS) -> list[Article | Skip]:
    return [item async for item in read(source, options)]


async def test_texts_dicts_and_articles_may_be_mixed():
    given = [
        about("a"),
        {
            "id": "b",
            "content": [about("b"), "end"],
            "title": "B",
            "url": "https://example.org",
            "format": "text",
        },
        Article("c", about("c"), format="rst"),
        7,
        Path("d.md"),
    ]

    text, mapping, article, number, path = await _everything(given)

    assert isinstance(text, Article)
    assert text.id == f"text:{text.content_hash}"
    assert mapping == Article("b", about("b") + "end", "B", "https://example.org", "text")
    assert isinstance(article, Article)
    assert (article.id, article.format) == ("c", "rst")
    assert [item.where for item in (number, path) if isinstance(item, Skip)] == ["items:4", "items:5"]


async def test_a_null_title_is_no_title():
    [item] = await _everything([{"id": "a", "title": None, "content": TEXT}])

    assert isinstance(item, Article)
    assert item.title is None


async def test_pages_come_out_as_markdown():
    [item] = await _everything([{"id": "a", "format": "html", "content": f"<h1>Reads</h1><p>{TEXT}</p>"}])

    assert isinstance(item, Article)
    assert (item.format, item.title) == ("markdown", "Reads")
    assert item.content.startswith("# Reads\n\nThe coordinator")


@pytest.mark.parametrize("source", [b"bytes", {"content": "x"}, Article("a", "x")])
async def test_one_article_is_no_collection(source):
    with pytest.raises(SourceError):
        read(source)


class Pulled:
    """Counts how many items have been taken."""

    def __init__(self) -> None:
        self.count = 0

    def items(self, number: int) -> Iterator[str]:
        for name in range(number):
            self.count += 1
            yield about(name)

    async def items_async(self, number: int) -> AsyncIterator[str]:
        for item in self.items(number):
            yield item


@pytest.mark.parametrize("kind", ["items", "items_async"])
async def test_a_source_is_pulled_only_as_far_as_it_is_consumed(kind):
    pulled = Pulled()
    reading = read_items(getattr(pulled, kind)(100_000))

    for consumed in range(1, 50):
        await anext(reading)
        assert pulled.count == consumed
    await reading.aclose()

    assert pulled.count == 49


async def test_errors_of_the_callers_iterable_pass():
    def broken() -> Iterator[str]:
        yield TEXT
        raise ZeroDivisionError

    reading = read(broken())
    await anext(reading)

    with pytest.raises(ZeroDivisionError):
        await anext(reading)


async def test_the_first_of_two_with_one_id_stays():
    items = await _everything(
        [{"id": "a", "content": about(text)} for text in (1, 1, 2)] + [{"id": "b", "content": about(1)}]
    )

    assert [item.reason if isinstance(item, Skip) else item.id for item in items] == [
        "a",
        SkipReason.DUPLICATE,
        SkipReason.ID_CONFLICT,
        SkipReason.DUPLICATE,
    ]


async def test_texts_that_differ_in_invisible_characters_only_are_duplicates():
    items = await _everything([TEXT, TEXT.replace("coordinator", "coordi\u00adnator")])

    assert [type(item) for item in items] == [Article, Skip]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [(" a/../b\n", " a/../b\n"), (12, "int:12"), ("12", "12"), (-1, "int:-1")],
)
async def test_ids_are_kept_as_they_are(identity, expected):
    [item] = await _everything([{"id": identity, "content": TEXT}])

    assert isinstance(item, Article)
    assert item.id == expected


@pytest.mark.parametrize("identity", [["a"], {"a": 1}, 1.5, True, "\ud800"])
async def test_ids_of_other_types_are_malformed(identity):
    [item] = await _everything([{"id": identity, "content": TEXT}])

    assert isinstance(item, Skip)
    assert item.reason is SkipReason.MALFORMED


async def test_parts_are_articles_of_their_own():
    long = "\n\n".join(f"## Section {number}\n\n{about(number)}" for number in range(40))
    reading = read_items([{"id": "a", "content": long, "url": "https://example.org"}, long], Options(max_tokens=1_000))

    items = [item async for item in reading]

    parts = [item for item in items if isinstance(item, Article)]
    assert [part.id for part in parts] == [f"a#part-{number}" for number in range(1, len(parts) + 1)]
    assert {part.url for part in parts} == {"https://example.org"}
    assert isinstance(items[-1], Skip)
    assert (reading.summary.units, reading.summary.accepted, reading.summary.articles) == (2, 1, len(parts))


async def test_a_long_article_with_nothing_new_in_its_parts_gives_each_text_once():
    page = about("x") * 2 + "\n\n"

    items = await _everything([page * 400], Options(max_tokens=1_000))

    articles = [item for item in items if isinstance(item, Article)]
    assert len({article.content for article in articles}) == len(articles)


async def test_fields_are_found_by_dotted_paths():
    fields = Fields(id="meta.key", content="_source.text", title="_source.head.line", url="a.b")
    source = {"meta": {"key": "k"}, "_source": {"text": TEXT, "head": {"line": "T"}}, "a.b": "https://example.org"}

    [item] = await _everything([source], Options(fields=fields))

    assert item == Article("k", TEXT, "T", "https://example.org")


async def test_a_missing_content_field_is_hinted_at():
    [item] = await _everything([{"id": "a", "_source": {"text": TEXT}}])

    assert isinstance(item, Skip)
    assert "_source.text" in item.detail
