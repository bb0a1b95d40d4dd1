"""Records to a collection of Astra DB or Cassandra: each once, however often it is handed over."""

import logging
import re
import sys
from traceback import format_exception

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen import AccessDenied, SettingsError, SinkFailed
from qloragen.astra import AstraCollection, AstraSink, cassandra_token
from qloragen.astra.sink import MOST_DOCUMENTS, MOST_TEXT, UNINDEXED, portions
from qloragen.sinks import Sink
from qloragen.store.lines import record_of
from qloragen.types import Quality

from .astra_api import TOKEN, AstraApi
from .astra_faults import answering, failing, http, reset_after, reset_before, stalled_after
from .values import a_record

PASSING = {
    "too many requests": http(429),
    "a proxy's page": http(503),
    "a page in place of an answer": http(200),
    "a connection that breaks": reset_before,
    "a connection that breaks too late": reset_after,
    "a database that times out": failing(),
    "an error from before errors had families": answering({"errors": [{"errorCode": "SERVER_UNHANDLED_ERROR"}]}),
    "an answer that says nothing": answering({"data": {"document": None}, "status": {}}),
}


def kept(api, collection="records"):
    """Return the records of a collection, by id, as a reader would make them of its documents."""
    found = api.documents(collection)
    return {key: record_of(orjson.dumps({**fields, "id": key})) for key, fields in found.items()}


def by_id(records):
    return {record.id: record for record in records}


@given(
    st.lists(
        st.builds(
            a_record,
            name=st.text(min_size=1, max_size=3),
            instruction=st.text(),
            input=st.text(),
            output=st.text(),
            article_id=st.text(min_size=1),
            title=st.none() | st.text(),
            url=st.none() | st.text(),
            cost_usd=st.none() | st.decimals(0, 1, places=8),
            quality=st.builds(Quality, st.floats(0, 1), st.floats(0, 1), st.tuples(st.sampled_from(["twin", "alike"]))),
        ),
        max_size=12,
    )
)
@settings(max_examples=10)
async def test_whatever_a_record_holds_comes_back_as_it_was(records):
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put(records)

        assert kept(api) == by_id(records)


async def test_the_same_records_twice_are_there_once_and_a_changed_one_takes_the_place_of_the_old(tmp_path):
    records = [a_record(f"c{number}") for number in range(120)]
    changed = [a_record("c7", output="Something else."), a_record("c7", output="In the end, this."), a_record("new")]
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put(records)
        await sink.put(records)
        await sink.put(changed)

        assert kept(api) == by_id([*records, *changed])


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("command", ["insertMany", "findOneAndReplace"])
async def test_what_passes_is_raised_as_such_and_repeating_the_batch_leaves_every_record_once(command, fault, caplog):
    old = [a_record(f"c{number}", output="Old.") for number in range(12)]
    records = [a_record(f"c{number}") for number in range(60)]
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put(old)
        api.next(command, None, fault)

        with pytest.raises(ConnectionError) as failure:
            await sink.put(records)
        await sink.put(records)

        assert "secret text" not in "".join(format_exception(failure.value)) + caplog.text
        assert kept(api) == by_id(records)


@pytest.mark.parametrize("command", ["insertMany", "findOneAndReplace", "deleteMany"])
async def test_what_a_server_will_never_do_is_not_said_to_pass(command):
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put([a_record()])
        api.next(command, failing("INVALID_DATABASE_QUERY"))

        with pytest.raises(
            SettingsError, match=r"refuses a request for ks\.records: INVALID_DATABASE_QUERY"
        ) as failure:
            await sink.put([a_record(output="New.")])
            await sink.drop([a_record().id])

    assert "secret text" not in str(failure.value)


async def test_records_that_fail_at_the_server_while_others_of_the_batch_are_kept_are_not_lost():
    records = [a_record(f"c{number}") for number in range(30)]
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        api.failing = {records[3].id, records[20].id}

        with pytest.raises(ConnectionError, match="TIMEOUT_WRITING_DATA") as failure:
            await sink.put(records)
        half_way = len(api.documents("records"))
        await sink.put(records)

        assert half_way == 28
        assert records[3].output not in "".join(format_exception(failure.value))
        assert kept(api) == by_id(records)


async def test_a_server_that_has_done_it_and_does_not_answer_is_a_timeout_and_repeating_does_no_harm():
    records = [a_record(f"c{number}") for number in range(3)]
    async with AstraApi() as api:
        async with AstraSink(api.place("records", timeout_s=0.5)) as sink:
            api.next("insertMany", stalled_after)
            with pytest.raises(TimeoutError, match=r"has not answered within 0\.5 s"):
                await sink.put(records)

        async with AstraSink(api.place("records")) as sink:
            await sink.put(records)

        assert kept(api) == by_id(records)


async def test_a_collection_that_the_sink_makes_takes_texts_of_any_length():
    long = a_record("long", instruction="é" * 5_000, input="x" * 100_000, output="y" * 100_000, title="t" * 9_000)
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put([long])

        assert kept(api) == by_id([long])


@pytest.mark.parametrize(
    ("indexing", "wrong"),
    [
        (None, "instruction, input, output, title, url"),
        ({"deny": ["input", "output", "title"]}, "instruction, url"),
        ({"allow": ["article_id", "output"]}, "output"),
        ({"allow": ["*"]}, "instruction, input, output, title, url"),
    ],
)
async def test_a_collection_that_would_refuse_long_texts_is_refused_before_anything_is_written(indexing, wrong):
    async with AstraApi() as api:
        api.fill("records", [], **({"indexing": indexing} if indexing else {}))

        with pytest.raises(SettingsError, match=f"has an index for {wrong}, in which no text of more than 8,000 bytes"):
            async with AstraSink(api.place("records")):
                raise AssertionError("unreachable")


@pytest.mark.parametrize("indexing", [{"deny": ["*"]}, {"allow": ["article_id"]}, {"deny": [*UNINDEXED, "model"]}])
async def test_a_collection_of_the_users_own_that_takes_long_texts_is_used_as_it_is(indexing):
    long = a_record("long", output="y" * 100_000)
    async with AstraApi() as api:
        api.fill("records", [], indexing=indexing)
        async with AstraSink(api.place("records")) as sink:
            await sink.put([long])

        assert kept(api) == by_id([long])


async def test_a_record_that_no_collection_can_hold_is_named_with_the_reason():
    too_long = a_record("c1", article_id="a" * 8_001)
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        with pytest.raises(SinkFailed, match=rf"{too_long.id}: SHRED_DOC_LIMIT.*'article_id'.*8001 bytes"):
            await sink.put([a_record("c0"), too_long])


async def test_dropping_takes_hundreds_of_records_away_and_no_other():
    records = [a_record(f"c{number}") for number in range(260)]
    gone = records[:230]
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put(records)

        await sink.drop([record.id for record in gone] + [a_record("never kept").id])

        assert kept(api) == by_id(records[230:])


async def test_a_deletion_that_breaks_off_half_way_is_repeated():
    records = [a_record(f"c{number}") for number in range(60)]
    async with AstraApi() as api, AstraSink(api.place("records")) as sink:
        await sink.put(records)
        api.next("deleteMany", None, failing())

        with pytest.raises(ConnectionError):
            await sink.drop([*by_id(records)])
        half_way = len(api.documents("records"))
        await sink.drop([*by_id(records)])

        assert (half_way, api.documents("records")) == (40, {})


async def test_a_refused_token_stops_the_run_and_is_shown_nowhere(caplog):
    wrong = "AstraCS:some-other-secret"
    caplog.set_level(logging.DEBUG)
    async with AstraApi() as api:
        place = api.place("records", token=wrong)

        with pytest.raises(AccessDenied, match=r"refuses the token for ks\.records") as denied:
            async with AstraSink(place):
                raise AssertionError("unreachable")

    shown = f"{denied.value} {denied.value!r} {denied.value.__cause__} {place!r} {place} {AstraSink(place)!r}"
    assert wrong not in shown
    assert caplog.records
    assert wrong not in caplog.text


async def test_names_that_the_database_does_not_know_are_said_with_what_to_do():
    async with AstraApi() as api:
        for place, message in (
            (api.place("records", keyspace="nowhere"), "UNKNOWN_KEYSPACE.*name a keyspace that the database has"),
            (
                api.place("records", environment="hcd"),
                "HTTP 404.*check the endpoint, and the environment, which is hcd",
            ),
        ):
            with pytest.raises(SettingsError, match=message):
                async with AstraSink(place):
                    raise AssertionError("unreachable")


async def test_a_database_that_has_no_room_for_a_collection_says_so():
    async with AstraApi() as api:
        for number in range(10):
            api.fill(f"full_{number}", [])

        with pytest.raises(SettingsError, match=r"TOO_MANY_COLLECTIONS.*name a collection that there is already"):
            async with AstraSink(api.place("records")):
                raise AssertionError("unreachable")


async def test_cassandra_of_ones_own_is_spoken_to_beneath_another_path():
    async with AstraApi(base="/v1") as api, AstraSink(api.place("records", environment="cassandra")) as sink:
        await sink.put([a_record()])

        assert kept(api) == by_id([a_record()])
    assert cassandra_token("cassandra", "pass:word") == "Cassandra:Y2Fzc2FuZHJh:cGFzczp3b3Jk"


async def test_a_sink_that_could_not_be_opened_can_be_opened_later():
    async with AstraApi() as api:
        sink = AstraSink(api.place("records"))
        api.next("findCollections", http(503))

        with pytest.raises(ConnectionError, match="HTTP 503"):
            async with sink:
                raise AssertionError("unreachable")
        async with sink:
            await sink.put([a_record()])

        assert kept(api) == by_id([a_record()])
    with pytest.raises(RuntimeError, match="is not open"):
        await sink.put([a_record()])


@given(st.lists(st.integers(0, 2 * MOST_TEXT // 3) | st.integers(0, 100), max_size=200))
@settings(max_examples=30)
def test_records_are_divided_in_order_into_what_one_request_may_hold(sizes):
    given_ones = [{"_id": str(number), "size": size} for number, size in enumerate(sizes)]

    parts = [*portions(given_ones, lambda one: given_ones[int(str(one["_id"]))]["size"])]

    assert [one for part in parts for one in part] == given_ones
    for part in parts:
        assert 1 <= len(part) <= MOST_DOCUMENTS
        assert len(part) == 1 or sum(int(str(one["size"])) for one in part) <= MOST_TEXT


def test_a_name_takes_the_rest_from_the_environment_and_stands_for_one_database(monkeypatch):
    monkeypatch.setenv("ASTRA_DB_API_ENDPOINT", "https://id-region.apps.astra.datastax.com")
    monkeypatch.setenv("ASTRA_DB_APPLICATION_TOKEN", f"{TOKEN}\n")
    here: Sink = AstraSink("ks.records")
    monkeypatch.setenv("ASTRA_DB_API_ENDPOINT", "http://localhost:8181")
    monkeypatch.setenv("ASTRA_DB_ENVIRONMENT", "hcd")
    there = AstraCollection.named("ks.records")

    assert re.fullmatch(r"astra-ks\.records-[0-9a-f]{8}", here.name)
    assert here.name != AstraSink(there).name
    assert (there.endpoint, there.environment, there.token) == ("http://localhost:8181", "hcd", TOKEN)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("records", {}, "write KEYSPACE.COLLECTION"),
        ("ks.re-cords", {}, "'re-cords' is no name of a keyspace or collection"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": ""}, "needs the environment variable ASTRA_DB_API_ENDPOINT"),
        (
            "ks.records",
            {"ASTRA_DB_APPLICATION_TOKEN": " "},
            "needs the environment variable ASTRA_DB_APPLICATION_TOKEN",
        ),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": "localhost:8181"}, "The endpoint for ks.records is no address"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": "http://[host"}, "The endpoint for ks.records is no address"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": "http://host:port"}, "The endpoint for ks.records is no address"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": TOKEN}, "The endpoint for ks.records is no address"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": f"https://me:{TOKEN}@host"}, "has a user or a query in it"),
        ("ks.records", {"ASTRA_DB_API_ENDPOINT": f"https://host?token={TOKEN}"}, "has a user or a query in it"),
        ("ks.records", {"ASTRA_DB_ENVIRONMENT": "moon"}, "no environment 'moon'.*prod, hcd, dse, cassandra, other"),
        ("ks.records", {"ASTRA_DB_APPLICATION_TOKEN": "a-secret\nin-two-lines"}, "The token for ks.records .* a blank"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(name, changes, message):
    variables = {"ASTRA_DB_API_ENDPOINT": "http://localhost:8181", "ASTRA_DB_APPLICATION_TOKEN": TOKEN, **changes}

    with pytest.raises(SettingsError, match=message) as refusal:
        AstraCollection.named(name, variables)

    assert "secret" not in str(refusal.value)


async def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "astrapy", None)

    with pytest.raises(SettingsError, match=r"pip install 'qloragen\[astra\]'"):
        async with AstraSink(AstraCollection("ks", "records", "http://localhost:8181", TOKEN)):
            raise AssertionError("unreachable")
