"""Calls whose reply is lost on the network may have been billed: they are counted over all processes, and shown."""

import itertools

import orjson

import qloragen
from qloragen.cli.main import main
from qloragen.simulator import KINDS
from qloragen.store.run import open_run

from .simulated import Simulated
from .test_main_job import article, articles
from .values import a_cell, a_reply


async def test_replies_that_were_lost_are_counted_over_all_processes_and_shown(tmp_path, capsys):
    numbers = itertools.count()
    async with Simulated(faults=lambda _: KINDS["truncated_body"] if next(numbers) % 10 == 1 else None) as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)
        first = len(server.calls) - 4 * 4
        await qloragen.agenerate([*articles(4), *map(article, range(4, 8))], tmp_path / "run", base_url=server.base_url)
        lost = len(server.calls) - 8 * 4

    assert 0 < first < lost
    found = qloragen.summary(tmp_path / "run")
    assert (found.lost_calls, found.calls) == (lost, 8 * 4)
    assert {place.reason for place in found.lost} == {"connection"}
    assert sum(one.calls for one in found.lost.values()) == lost
    assert main(["status", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert f"calls that broke off {lost} ({lost} connection); {lost} may have been billed, at most $" in said


async def test_while_a_run_is_at_work_or_was_killed_no_old_count_of_articles_is_shown(tmp_path, capsys):
    async with Simulated() as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
    file = tmp_path / "run/run.json"
    fields = orjson.loads(file.read_bytes())
    file.write_bytes(orjson.dumps(fields | {"status": "running"}))

    assert main(["status", str(tmp_path / "run")]) == 0

    said = capsys.readouterr().out
    assert "the process ended without a word; the same command goes on" in said
    assert "articles read" not in said
    assert "articles classified  2" in said


def test_a_run_that_was_killed_before_its_first_call_has_a_heading(tmp_path, capsys):
    with open_run(tmp_path / "run"):
        main(["status", str(tmp_path / "run")])
        assert "a process is at work and has sent no call yet" in capsys.readouterr().out

    assert main(["status", str(tmp_path / "run")]) == 0

    assert capsys.readouterr().out.startswith(f"{tmp_path / 'run'}: no call was sent yet; the same command goes on\n")


def test_a_run_without_its_manifest_has_a_heading(tmp_path, capsys):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(a_cell("c1")))

    assert main(["status", str(tmp_path / "run")]) == 0

    said = capsys.readouterr().out
    assert f"{tmp_path / 'run'}: run.json is missing or damaged; the same command goes on" in said
    assert "paid, not yet made into records 1 ($0.0012)\n" in said
