"""Sinks by name, records as flat rows, and the table in an SQLite file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloragen
from qloragen import SettingsError
from qloragen.settings import load
from qloragen.sinks import Emptiable, Sink, SqliteSink, fields_of, sink_of
from qloragen.sinks.named import sinks_of
from qloragen.sinks.names import MOST_NAME_CHARS, is_name
from qloragen.store.lines import record_line
from qloragen.types import Quality

from .values import NOON, a_record, key


def rows_of(file, table="records"):
    name = table.replace('"', '""')
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(f'SELECT * FROM "{name}" ORDER BY id')  # noqa: S608 - a test's own name
        return [dict(row) for row in rows]


def statement(file, text):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(text)


# ----------------------------------------------------------------------------------------------------------- flat rows


def test_a_row_says_what_the_line_of_a_record_says():
    record = a_record(quality=Quality(0.75, 0.5, ("alike", "derived_number")))

    row = fields_of(record)

    line = orjson.loads(record_line(record))
    flat = {**line, **line["usage"], **line["quality"], "id": record.id}
    same = {name: value for name, value in row.items() if name not in {"time", "flags"}}
    assert same == {name: flat[name] for name in same}
    assert orjson.loads(str(row["flags"])) == line["quality"]["flags"]
    assert {*flat} - {*row} == {"k", "t", "c", "usage", "quality"}


def test_costs_are_plain_digits_and_times_sort_as_text():
    late = a_record(time=NOON.replace(microsecond=5), cost_usd=Decimal("1E-7"))
    elsewhere = a_record(time=NOON.astimezone(timezone(timedelta(hours=9))), cost_usd=None)

    assert fields_of(late)["cost_usd"] == "0.0000001"
    assert fields_of(elsewhere)["cost_usd"] is None
    assert fields_of(elsewhere)["time"] == "2026-11-23T12:00:00.000000+00:00"
    assert str(fields_of(elsewhere)["time"]) < str(fields_of(late)["time"])


# ------------------------------------------------------------------------------------------------------------- by name


def test_a_name_gives_the_file_and_the_table(tmp_path):
    plain, other = sink_of("sqlite:here.db"), sink_of(f"sqlite:{tmp_path}/a#b.db#My Table")

    assert plain.name == SqliteSink("here.db").name == SqliteSink(tmp_path / "here.db", "records").name
    assert other.name == SqliteSink(tmp_path / "a#b.db", "My Table").name
    assert len({plain.name, other.name, SqliteSink("here.db", "My Table").name, SqliteSink("x/here.db").name}) == 4


@pytest.mark.parametrize("name", ["", "sqlite", "sqlite:", "mysql:x", "records.db"])
def test_a_name_of_no_sink_is_refused_with_those_that_there_are(name):
    with pytest.raises(SettingsError, match=r"sqlite:FILE, sqlite:FILE#TABLE, astra:KEYSPACE\.COLLECTION"):
        sink_of(name)


@pytest.mark.parametrize("table", ["sqlite:x.db#", "sqlite:x.db#sqlite_master", "sqlite:x.db#a\0b"])
def test_a_name_that_no_table_can_have_is_refused(table):
    with pytest.raises(SettingsError, match="A table cannot be called"):
        sink_of(table)


def test_a_collection_of_astra_is_reached_by_its_name(monkeypatch):
    monkeypatch.setenv("ASTRA_DB_API_ENDPOINT", "http://localhost:8181")
    monkeypatch.setenv("ASTRA_DB_APPLICATION_TOKEN", "AstraCS:none")

    assert sink_of("astra:default_keyspace.records").name.startswith("astra-default_keyspace.records-")


def test_two_sinks_of_one_name_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="Two sinks are called sqlite-x-records-"):
        qloragen.Session(tmp_path / "run", sinks=["sqlite:x.db", SqliteSink("x.db")])


@given(st.text(max_size=300), st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_whatever_file_and_table_are_called_the_sink_has_a_name_that_a_file_can_have(stem, table):
    try:
        sink = SqliteSink(f"folder/{stem.replace(chr(0), '')}.db", table)
    except SettingsError:
        assert table.lower().startswith("sqlite_")
    else:
        assert is_name(sink.name)
        assert len(sink.name.encode()) <= MOST_NAME_CHARS


class Nameless(SqliteSink):
    def __init__(self, name):
        super().__init__("x.db")
        self._name = name

    @property
    def name(self):
        return self._name


@pytest.mark.parametrize("name", ["", "a b", "../a", ".hidden", "a/b", "x" * 201, "ä"])
def test_a_sink_with_a_name_that_no_file_should_have_is_refused(name):
    with pytest.raises(SettingsError, match="may have letters, digits"):
        sinks_of([Nameless(name)])


def test_sinks_can_be_set_in_every_way(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/q.toml").write_text('sinks = ["sqlite:a.db#t", "astra:k.c"]\n')
    monkeypatch.setenv("QLORAGEN_CONFIG", str(tmp_path / "conf/q.toml"))

    # A path in a file starts at the file.
    assert load().sinks == (f"sqlite:{tmp_path}/conf/a.db#t", "astra:k.c")
    monkeypatch.setenv("QLORAGEN_SINKS", "sqlite:b.db, sqlite:c.db")
    assert load().sinks == ("sqlite:b.db", "sqlite:c.db")
    assert load(sinks=["sqlite:d,e.db"]).sinks == ("sqlite:d,e.db",)
    (tmp_path / "conf/q.toml").write_text('sinks = "sqlite:a.db,sqlite:/b.db"\n')
    monkeypatch.delenv("QLORAGEN_SINKS")
    assert load().sinks == (f"sqlite:{tmp_path}/conf/a.db", "sqlite:/b.db")
    with pytest.raises(SettingsError, match=r"sinks must be a list, not 7 \(argument\)"):
        load(sinks=7)


# --------------------------------------------------------------------------------------------------------------- table


async def test_records_are_put_once_by_id_and_changed_and_dropped(tmp_path):
    file = tmp_path / "x.db"
    async with SqliteSink(file) as sink:
        assert await sink.is_empty()
        await sink.put([a_record("a"), a_record("b")])
        await sink.put([a_record("b", output="Changed."), a_record("c", title=None)])
        await sink.drop([key("a"), key("never")])
        assert not await sink.is_empty()
        # Seen by others while it is open.
        seen = rows_of(file)

    kept = sorted([a_record("b", output="Changed."), a_record("c", title=None)], key=lambda record: record.id)
    assert seen == rows_of(file) == [fields_of(record) for record in kept]


async def test_columns_have_the_types_of_their_values(tmp_path):
    file = tmp_path / "x.db"

    async with SqliteSink(file):
        pass

    with closing(sqlite3.connect(file)) as connection:
        columns = {name: kind for _, name, kind, *_ in connection.execute("PRAGMA table_info(records)")}
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    of_type = {str: "TEXT", int: "INTEGER", float: "REAL", type(None): "TEXT"}
    assert columns == {name: of_type[type(value)] for name, value in fields_of(a_record()).items()}
    assert mode == "wal"


@pytest.mark.parametrize("table", ['robert"; DROP TABLE records; --', "two words", "select", "naïve", "'"])
async def test_a_table_may_be_called_as_it_likes(tmp_path, table):
    file = tmp_path / "x.db"
    async with SqliteSink(file) as sink:
        await sink.put([a_record("safe")])
    async with SqliteSink(file, table) as sink:
        await sink.put([a_record("a"), a_record("b")])
        await sink.drop([key("b")])

    assert [row["id"] for row in rows_of(file, table)] == [key("a")]
    assert [row["id"] for row in rows_of(file)] == [key("safe")]


async def test_every_text_comes_back_as_it_was(tmp_path):
    texts = ["", "a\0b", "\u2028 ' \" \\ ;--", "𝔘𝔫𝔦\ufeff", "x" * 10**6, "\r\n\t", "NULL", "0x12"]
    records = [a_record(str(n), instruction=text, output=text, title=text) for n, text in enumerate(texts)]

    async with SqliteSink(tmp_path / "x.db") as sink:
        await sink.put(records)

    kept = sorted(records, key=lambda record: record.id)
    assert rows_of(tmp_path / "x.db") == [fields_of(record) for record in kept]


async def test_columns_of_your_own_are_left_alone(tmp_path):
    file = tmp_path / "x.db"
    async with SqliteSink(file) as sink:
        await sink.put([a_record("a")])
    statement(file, "ALTER TABLE records ADD COLUMN reviewed TEXT")
    statement(file, "UPDATE records SET reviewed = 'yes'")

    async with SqliteSink(file) as sink:
        await sink.put([a_record("a", output="Changed.")])

    (row,) = rows_of(file)
    assert (row["reviewed"], row["output"]) == ("yes", "Changed.")


def without_key(sound: str) -> str:
    return sound.replace("PRIMARY KEY ", "")


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda _: "CREATE TABLE records (id TEXT PRIMARY KEY, name TEXT)", "it has no column article_id"),
        (lambda _: "CREATE VIEW records AS SELECT * FROM sound", "its primary key is missing, not id"),
        (without_key, "its primary key is missing, not id"),
        (lambda sound: f"{without_key(sound)[:-1]}, PRIMARY KEY (id, type))", "its primary key is id and type, not id"),
        (lambda sound: sound.replace("type INTEGER", "type TEXT"), "its column type is TEXT, not INTEGER"),
        (lambda sound: f"{sound[:-1]}, mine TEXT NOT NULL)", "its column mine must not be empty"),
    ],
)
async def test_a_table_of_another_shape_is_refused_in_one_sentence_and_left_alone(tmp_path, made, fault):
    file = tmp_path / "x.db"
    async with SqliteSink(file, "sound"):
        pass
    with closing(sqlite3.connect(file)) as connection:
        (sound,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'sound'").fetchone()
    statement(file, made(sound.replace('"sound"', "records")))

    with pytest.raises(SettingsError, match=f"The table records in .*x.db is another one: {fault}; give another table"):
        await SqliteSink(file).__aenter__()

    assert rows_of(file) == []


async def test_a_file_that_is_no_database_and_a_folder_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("These are notes, and quite a lot of them. " * 50)

    with pytest.raises(SettingsError, match=r"notes\.txt is no SQLite database"):
        await SqliteSink(tmp_path / "notes.txt").__aenter__()
    with pytest.raises(SettingsError, match=r"there is no folder .*absent; make it first"):
        await SqliteSink(tmp_path / "absent/x.db").__aenter__()

    assert (tmp_path / "notes.txt").read_text().startswith("These are notes")


async def test_a_folder_and_what_may_not_be_written_are_refused(tmp_path):
    (tmp_path / "kept.db").touch(mode=0o400)

    with pytest.raises(SettingsError, match="is a folder; name a file in it"):
        await SqliteSink(tmp_path).__aenter__()
    if os.access(tmp_path / "kept.db", os.W_OK):
        pytest.skip("root may write everything")
    with pytest.raises(SettingsError, match=r"kept\.db cannot be written"):
        await SqliteSink(tmp_path / "kept.db").__aenter__()


async def test_a_folder_that_is_gone_for_a_while_is_trouble_that_passes(tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir()
    sink = SqliteSink(folder / "x.db")
    async with sink:
        await sink.put([a_record("a")])
    folder.rename(tmp_path / "away")

    with pytest.raises(OSError, match="unable to open database file"):
        await sink.__aenter__()
    (tmp_path / "away").rename(folder)
    async with sink:
        await sink.put([a_record("b")])

    assert len(rows_of(folder / "x.db")) == 2


async def test_a_file_that_another_process_writes_is_trouble_that_passes(tmp_path, monkeypatch):
    monkeypatch.setattr("qloragen.sinks.sqlite._LOCKED_S", 0.05)
    file = tmp_path / "x.db"
    async with SqliteSink(file) as sink:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OSError, match="database is locked"):
                await sink.put([a_record("a")])
            other.execute("COMMIT")
        await sink.put([a_record("a")])

    assert len(rows_of(file)) == 1


async def test_a_portion_is_there_as_a_whole_or_not_at_all(tmp_path):
    file = tmp_path / "x.db"
    async with SqliteSink(file) as sink:
        statement(
            file, "CREATE TRIGGER no BEFORE INSERT ON records WHEN new.type = 9 BEGIN SELECT raise(ABORT, 'no'); END"
        )
        with pytest.raises(sqlite3.IntegrityError):
            await sink.put([a_record("a"), a_record("b", type=9)])
        await sink.put([a_record("c")])

    assert [row["id"] for row in rows_of(file)] == [key("c")]


async def test_a_sink_can_be_entered_again_after_it_was_left(tmp_path):
    sink = SqliteSink(tmp_path / "x.db")
    for name in "ab":
        async with sink:
            await sink.put([a_record(name)])

    with pytest.raises(ConnectionError, match="is not open"):
        await sink.put([a_record("c")])
    assert len(rows_of(tmp_path / "x.db")) == 2


def test_the_table_is_a_sink():
    sink: Sink = SqliteSink("x.db")

    assert isinstance(sink, Emptiable)
