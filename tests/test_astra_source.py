"""Articles from a collection of Astra DB or Cassandra: each once, whatever happens on the way."""

from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen import AccessDenied, ProviderUnavailable, Session, SettingsError
from qloragen.astra import AstraSink, astra_articles
from qloragen.astra.connection import Page
from qloragen.astra.sink import UNINDEXED
from qloragen.astra.source import documents
from qloragen.engine import RetryPolicy
from qloragen.sources import Fields
from qloragen.testing import run_virtually

from .astra_api import TOKEN, AstraApi
from .astra_faults import failing, http, reset_after, reset_before
from .simulated import Simulated

AT_ONCE = RetryPolicy(base_s=0.001, patience_s=30)
UNINDEXED_OPTIONS = {"indexing": {"deny": [*UNINDEXED]}}


def some_articles(count):
    text = "A memtable keeps the newest writes in memory until it is flushed to an SSTable on disk. " * 3
    return [{"_id": f"a{n}", "title": f"Article {n}", "content": f"Article number {n}. {text}"} for n in range(count)]


@given(st.lists(st.none() | st.sampled_from([http(429), http(503), reset_before, reset_after, failing()]), max_size=8))
@settings(max_examples=10)
async def test_whatever_fails_on_the_way_each_article_is_given_once(faults):
    async with AstraApi() as api:
        api.fill("articles", some_articles(60), **UNINDEXED_OPTIONS)
        api.next("find", *faults)

        given_ones = [article["id"] async for article in astra_articles(api.place("articles"), retry=AT_ONCE)]

    assert sorted(map(str, given_ones)) == sorted(f"a{n}" for n in range(60))


async def test_the_next_page_is_asked_for_only_when_the_one_before_has_been_taken():
    async with AstraApi() as api:
        api.fill("articles", some_articles(50), **UNINDEXED_OPTIONS)
        asked = [len(api.requests) async for _ in astra_articles(api.place("articles"))]

    assert asked == [1] * 20 + [2] * 20 + [3] * 10


async def test_fields_are_found_by_name_or_path_and_ids_of_the_databases_own_kinds_become_texts():
    fields = Fields(id="key", content="$vectorize", title="meta.title", url="meta.source.url", format="kind")
    whole = {"$vectorize": "Text.", "meta": {"title": "T", "source": {"url": "https://x"}}, "kind": "html", "odd": 1}
    uuid = "018e65c9-df45-7913-89f8-175f28bd7f74"
    keys = ["k", 7, {"$uuid": uuid}, {"$objectId": "6672e1cbd7fabb4e5493916f"}]
    async with AstraApi() as api:
        api.fill("articles", [{"_id": str(number), "key": key, **whole} for number, key in enumerate(keys)])
        api.fill("bare", [{"_id": "b", "$vectorize": "Text.", "meta": "none"}])

        full = [one async for one in astra_articles(api.place("articles"), fields=fields)]
        bare = [one async for one in astra_articles(api.place("bare"), fields=fields)]

    rest = {"content": "Text.", "title": "T", "url": "https://x", "format": "html"}
    assert sorted(full, key=lambda one: str(one["id"])) == [
        {"id": key, **rest} for key in sorted([uuid, "6672e1cbd7fabb4e5493916f", "k", 7], key=str)
    ]
    assert bare == [{"content": "Text."}]


async def test_a_field_and_one_inside_of_it_can_both_be_named():
    async with AstraApi() as api:
        api.fill("articles", [{"_id": "a", "body": {"text": "Text.", "url": "https://x"}}])
        fields = Fields(id="_id", content="body", url="body.url")

        [article] = [one async for one in astra_articles(api.place("articles"), fields=fields)]

    assert article == {"id": "a", "content": {"text": "Text.", "url": "https://x"}, "url": "https://x"}


async def test_only_the_documents_that_are_wanted_are_read():
    async with AstraApi() as api:
        api.fill("articles", [{**one, "language": "en" if n % 2 else "de"} for n, one in enumerate(some_articles(50))])

        english = [one["id"] async for one in astra_articles(api.place("articles"), filter={"language": "en"})]

    assert sorted(map(str, english)) == sorted(f"a{n}" for n in range(1, 50, 2))


@pytest.mark.parametrize(
    ("changes", "filter", "error", "message"),
    [
        ({"collection": "nowhere"}, {}, SettingsError, "UNKNOWN_COLLECTION_OR_TABLE.*name a collection"),
        ({"keyspace": "nowhere"}, {}, SettingsError, "UNKNOWN_KEYSPACE.*name a keyspace"),
        ({"token": "wrong"}, {}, AccessDenied, "refuses the token"),
        ({}, {"input": "x"}, SettingsError, "FILTER_PATH_UNINDEXED.*filter by a field that"),
    ],
)
async def test_what_cannot_be_read_is_said_at_once(changes, filter, error, message):
    async with AstraApi() as api:
        api.fill("articles", some_articles(3), **UNINDEXED_OPTIONS)
        place = api.place(**{"collection": "articles", **changes})

        with pytest.raises(error, match=message):
            await anext(astra_articles(place, filter=filter))


class Outage:
    """Pages of one document each, numbered, of which one fails for some time."""

    def __init__(self, page, for_s):
        self.calls = []
        self._page = page
        self._for_s = for_s

    async def fetch(self, state):
        self.calls.append((state, anyio.current_time()))
        first_s = next(at_s for asked, at_s in self.calls if asked == state)
        if state == self._page and anyio.current_time() - first_s < self._for_s:
            raise ConnectionError("no answer")
        number = int(state or 0)
        return Page(({"_id": str(number)},), str(number + 1) if number < 4 else None)


def test_an_outage_that_passes_is_waited_out_with_ever_longer_pauses():
    outage = Outage("2", for_s=600)

    async def read():
        return [one["_id"] async for one in documents(outage.fetch, RetryPolicy(base_s=1, cap_s=60, patience_s=3600))]

    assert run_virtually(read()) == ["0", "1", "2", "3", "4"]
    at_s = [at_s for state, at_s in outage.calls if state == "2"]
    assert 10 < len(at_s) < 60
    assert max(after - before for before, after in pairwise(at_s)) <= 61


def test_an_outage_that_does_not_pass_stops_the_run_in_the_time_that_was_set():
    outage = Outage("2", for_s=10_000)

    async def read():
        return [one["_id"] async for one in documents(outage.fetch, RetryPolicy(base_s=1, cap_s=60, patience_s=900))]

    with pytest.raises(ProviderUnavailable, match=r"No page of articles has come for 900 s \(no answer\)"):
        run_virtually(read())
    at_s = [at_s for state, at_s in outage.calls if state == "2"]
    assert 840 - 1 < at_s[-1] <= 900


async def test_a_database_that_gives_one_page_again_and_again_stops_the_run():
    async def fetch(_state):
        return Page(({"_id": "0"},), "1")

    with pytest.raises(ProviderUnavailable, match="gives the same page of articles again and again"):
        _ = [one async for one in documents(fetch, AT_ONCE)]


async def test_articles_of_one_collection_become_records_in_another_through_faults_on_both_sides(tmp_path):
    async with AstraApi() as api, Simulated(classify=lambda _: "1, 2") as server:
        api.fill("articles", some_articles(25), **UNINDEXED_OPTIONS)
        api.next("find", http(429), None, reset_after)
        api.next("insertMany", reset_after)

        sink = AstraSink(api.place("records"))
        async with Session(tmp_path / "run", base_url=server.base_url, sinks=[sink]) as session:
            articles = astra_articles(api.place("articles"), retry=AT_ONCE)
            records = [record async for record in session.stream(articles)]

        assert len(records) == 50
        assert {key: one["output"] for key, one in api.documents("records").items()} == {
            record.id: record.output for record in records
        }


async def test_a_collection_that_was_deleted_between_two_sessions_is_made_and_filled_again(tmp_path, monkeypatch):
    async with AstraApi() as api, Simulated(classify=lambda _: "1, 2") as server:
        api.fill("articles", some_articles(4), **UNINDEXED_OPTIONS)
        monkeypatch.setenv("ASTRA_DB_API_ENDPOINT", api.endpoint)
        monkeypatch.setenv("ASTRA_DB_APPLICATION_TOKEN", TOKEN)
        for _ in range(2):
            api.keyspaces["ks"].pop("records", None)
            async with Session(tmp_path / "run", base_url=server.base_url, sinks=["astra:ks.records"]) as session:
                await session.process(astra_articles("ks.articles"))

            assert len(api.documents("records")) == 8


async def test_a_sink_with_a_keyspace_that_does_not_exist_stops_a_session_before_anything_is_paid_for(tmp_path):
    async with AstraApi() as api, Simulated() as server:
        sink = AstraSink(api.place("records", keyspace="nowhere"))

        with pytest.raises(SettingsError, match="UNKNOWN_KEYSPACE"):
            async with Session(tmp_path / "run", base_url=server.base_url, sinks=[sink]) as session:
                await session.process(some_articles(4))

        assert server.calls == []


async def test_a_run_that_takes_a_few_articles_only_leaves_no_connection_open(tmp_path):
    async with AstraApi() as api, Simulated(classify=lambda _: "1, 2") as server:
        api.fill("articles", some_articles(45), **UNINDEXED_OPTIONS)

        async with Session(tmp_path / "run", base_url=server.base_url) as session:
            await session.process(astra_articles(api.place("articles")), limit=3)

        assert session.tally.articles == 3
        assert api.requests == ["find"]
