"""The programs in `examples/` run as their first lines say."""

import http.client
import json
import os
import re
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import qloragen
from qloragen.cli import main
from qloragen.simulator import error

from .elastic import Elastic, Trouble
from .local_servers import like_llama_cpp, like_vllm

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def server(serve):
    return serve()


def about(name: object) -> str:
    """An article that is long enough."""
    return f"Node {name} keeps the newest writes in memory until they are flushed to an SSTable on its disk. " * 3


def lines_of(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


class Done(NamedTuple):
    """How a program has ended, and what it has printed."""

    code: object
    stdout: str
    stderr: str


@pytest.fixture
def example(monkeypatch, capsys):
    """Run a program of `examples/` as Python would, but in this process, which has everything imported already."""

    def run(name: str, *arguments: object, base_url: str = "", **variables: str) -> Done:
        for variable, value in {"QLORAGEN_BASE_URL": base_url, **variables}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as end:
            code = end.code
        return Done(code, *capsys.readouterr())

    return run


def test_five_lines_make_and_export_records(tmp_path, server, example):
    done = example("five_lines.py", EXAMPLES / "articles", tmp_path / "run", base_url=server.base_url)

    assert done.stderr == ""
    assert "records              " in done.stdout
    assert (tmp_path / "run/alpaca.jsonl").read_bytes().count(b"\n") == len(server.of_kind("generate"))


def test_the_estimate_example_pays_only_for_what_is_cheap_enough(tmp_path, server, example):
    arguments = (EXAMPLES / "articles", tmp_path / "run")
    dear = example("estimate.py", *arguments, "0.001", base_url=server.base_url)
    assert server.calls == []
    assert dear.code == "This may cost more than $0.001, or nobody knows: nothing was asked for."

    done = example("estimate.py", *arguments, "1", base_url=server.base_url)

    assert done.stderr == ""
    assert "cheapest together" in done.stdout
    assert "records              " in done.stdout


def test_the_streaming_example_prints_a_line_for_each_record(tmp_path, server, example):
    done = example("stream.py", tmp_path / "run", base_url=server.base_url)

    assert done.stderr == ""
    assert done.stdout.count("section-summary - ") == 2


def test_the_engine_example_sorts_and_answers_tickets_whatever_the_provider_does(example):
    done = example("engine.py")

    assert done.stderr == ""
    assert "gpt-6-luna: 60 answers" in done.stdout
    assert re.search(r"gpt-6-sol: [1-9]\d* answers", done.stdout)
    assert re.search(r"spent: \$0\.0\d*[1-9]", done.stdout)


def test_the_engine_example_says_why_it_stops_and_what_was_spent_by_then(serve, example):
    server = serve(faults=lambda _: error(401, "Incorrect API key provided", code="invalid_api_key"))

    done = example("engine.py", server.base_url)

    assert (done.code, done.stderr) == (0, "")
    assert re.search("stopped: .* check OPENAI_API_KEY", done.stdout)
    assert "spent: $0.000000" in done.stdout


@contextmanager
def service(folder: Path, base_url: str, **knobs: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The example service as a process of its own, and its address."""
    with subprocess.Popen(
        [sys.executable, EXAMPLES / "service.py", folder, "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QLORAGEN_BASE_URL": base_url, "QLORAGEN_TRANSPORT": "aiohttp", **knobs},  # begins sooner
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def post(address: str, body: object) -> tuple[int, object]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/records", content)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def hang_up(address: str, body: object) -> None:
    """Send a request, and do not wait for the answer."""
    with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)) as connection:
        connection.request("POST", "/records", json.dumps(body))


def test_the_service_answers_many_callers_within_the_limits_of_one_session_and_all_before_it_ends(tmp_path, serve):
    asked = threading.Event()
    server = serve(delay_s=0.1, faults=lambda call: asked.set() if "Node last" in call.prompt else None)
    articles = [{"id": str(number), "content": about(number)} for number in range(10)] * 2
    one_model = {"QLORAGEN_CLASSIFY_MODEL": "gpt-6-luna"}  # limits are those of each model

    with (
        service(tmp_path / "run", server.base_url, **one_model, QLORAGEN_MAX_CONCURRENCY="4") as (process, address),
        ThreadPoolExecutor(len(articles)) as callers,
    ):
        hang_up(address, {"content": about("left")})
        answers = [*callers.map(post, [address] * len(articles), articles)]
        again = post(address, articles[3])
        summary = urllib.request.urlopen(f"{address}/summary").read().decode()  # noqa: S310 - loopback
        status_of_left, records_of_left = post(address, {"content": about("left")})
        last = callers.submit(post, address, {"content": about("last")})
        assert asked.wait(timeout=60)
        process.send_signal(signal.SIGTERM)
        answers.append(last.result())
        code = process.wait(timeout=30)

    for article, (status, records) in zip([*articles, {"content": about("last")}], answers, strict=True):
        assert status == 200
        assert isinstance(records, list)
        assert len(records) == 3
        assert all(record["input"] in article["content"] for record in records)
    assert again == answers[3] == answers[13]
    assert re.search(r"records +3[0-3]\n", summary)
    assert status_of_left == 200
    assert isinstance(records_of_left, list)
    assert len(records_of_left) == 3
    assert len(server.calls) == 12 + 36
    assert 1 < server.peak <= 4
    assert code == 0


def test_the_service_says_what_is_wrong_with_a_request_and_with_the_key(tmp_path, serve):
    server = serve(faults=lambda _: error(401, "Incorrect API key provided", code="invalid_api_key"))

    with service(tmp_path / "run", server.base_url) as (_, address):
        assert post(address, b"{") == (400, "The body is not JSON.")
        assert post(address, {"text": "?"}) == (400, "An article is a JSON object with its text in `content`.")
        status, reason = post(address, {"content": about("a")})
        with pytest.raises(urllib.error.HTTPError) as health:
            urllib.request.urlopen(f"{address}/summary")  # noqa: S310 - loopback
        with health.value as unfit:
            assert unfit.read().decode() == reason

    assert status == unfit.code == 503
    assert "key" in str(reason)


def test_the_service_ends_after_the_grace_also_when_the_provider_answers_nobody(tmp_path, serve):
    asked = threading.Event()

    def busy(call):
        asked.set()
        return error(429, "Too many requests.", headers={"Retry-After": "600"})

    server = serve(faults=busy)

    with (
        service(tmp_path / "run", server.base_url, QLORAGEN_GRACE_S="0.5") as (process, address),
        ThreadPoolExecutor(1) as callers,
    ):
        waiting = callers.submit(post, address, {"content": about("a")})
        assert asked.wait(timeout=60)
        hang_up(address, {"content": about("b")})
        process.send_signal(signal.SIGTERM)
        answer = waiting.result()
        code = process.wait(timeout=30)

    assert answer == (503, "The service is ending; what was made is kept. Ask again later.")
    assert code == 0


def test_the_elasticsearch_example_pages_through_an_index_whatever_happens(tmp_path, server, portal, example):
    documents = {
        f"d{n}": {"title": f"Article {n}", "content": about(n), "url": f"https://x.test/{n}"} for n in range(205)
    }
    troubles: list[Trouble] = ["a shard is down", 429, 200, "cut off", "cut short", 200, 503]
    elastic = Elastic("pages", {**documents, "d205": {"content": None}}, troubles)

    with portal.wrap_async_context_manager(elastic):
        arguments = (elastic.base_url, "pages", tmp_path / "run")
        done = example("elasticsearch_source.py", *arguments, base_url=server.base_url, QLORAGEN_MAX_TYPES="0")

    assert (done.code, done.stderr) == (0, "")
    assert elastic.pages == [200, 6, 0]
    assert elastic.open == []
    articles = [line for line in lines_of(tmp_path / "run/journal.jsonl") if line["t"] == "article"]
    assert {(article["id"], article["title"], article["url"]) for article in articles} == {
        (name, document["title"], document["url"]) for name, document in documents.items()
    }
    assert re.search(r"articles read +205\n", done.stdout)
    assert "duplicate" not in done.stdout
    assert len(server.calls) == 205


def test_the_elasticsearch_example_lets_go_of_its_point_in_time_when_it_is_stopped(tmp_path, serve, portal, example):
    server = serve(faults=lambda _: os.kill(os.getpid(), signal.SIGTERM))
    elastic = Elastic("pages", {"d0": {"content": about(0)}, "d1": {"content": about(1)}}, ())

    with portal.wrap_async_context_manager(elastic), pytest.raises(qloragen.Interrupted):
        example("elasticsearch_source.py", elastic.base_url, "pages", tmp_path / "run", base_url=server.base_url)

    assert elastic.pages[0] == 2
    assert elastic.open == []


def test_the_database_example_reads_each_row_of_a_table_once_in_batches(tmp_path, server, example):
    with closing(sqlite3.connect(tmp_path / "site.db")) as database, database:
        database.execute("create table pages(id integer primary key, title text, url text, body text)")
        rows = [(2 * n + 1, f"Article {n}", None, about(n)) for n in range(205)]
        database.executemany("insert into pages values (?, ?, ?, ?)", [*rows, (1_000, "Empty", None, None)])

    arguments = (tmp_path / "site.db", tmp_path / "run")
    done = example("database_source.py", *arguments, base_url=server.base_url, QLORAGEN_MAX_TYPES="0")

    assert (done.code, done.stderr) == (0, "")
    articles = [line for line in lines_of(tmp_path / "run/journal.jsonl") if line["t"] == "article"]
    assert {article["id"] for article in articles} == {f"pages/{row[0]}" for row in rows}
    assert re.search(r"articles read +205\n", done.stdout)
    assert "duplicate" not in done.stdout


def test_the_sink_of_ones_own_has_each_record_of_a_run_in_a_folder_for_its_type(tmp_path, server, example):
    arguments = (EXAMPLES / "articles", tmp_path / "run", tmp_path / "kept")
    done = example("custom_sink.py", *arguments, base_url=server.base_url)

    assert (done.code, done.stderr) == (0, "")
    kept = {str(file.relative_to(tmp_path / "kept")) for file in (tmp_path / "kept").glob("*/*")}
    assert kept == {f"{line['type_slug']}/{line['id']}.json" for line in lines_of(tmp_path / "run/records.jsonl")}
    assert kept

    for folder in (tmp_path / "other", tmp_path / "kept"):
        shutil.rmtree(tmp_path / "kept", ignore_errors=True)
        example("custom_sink.py", *arguments[:2], folder, base_url=server.base_url)
        assert {str(file.relative_to(folder)) for file in folder.glob("*/*")} == kept

    qloragen.reparse(tmp_path / "run", checks={"max_output_bytes": 9})
    example("custom_sink.py", *arguments, base_url=server.base_url)

    assert [*(tmp_path / "kept").glob("*/*")] == []


def test_the_observer_example_adds_up_the_bill_by_type(tmp_path, server, example):
    done = example("observer.py", EXAMPLES / "articles", tmp_path / "run", base_url=server.base_url)

    assert (done.code, done.stderr) == (0, "")
    costs = [float(usd) for usd in re.findall(r"^\S+ +\$([\d.]+)$", done.stdout, re.MULTILINE)]
    assert sum(costs) == pytest.approx(float(qloragen.summary(tmp_path / "run").cost_usd or 0), abs=1e-5)
    assert len(costs) > 2
    records = len(lines_of(tmp_path / "run/records.jsonl"))
    assert f" articles, {records} records, 0 calls in flight\n" in done.stdout


def test_the_pack_for_another_field_is_whole_and_makes_records_of_its_own_types(tmp_path, serve, capsys):
    server = serve(classify=lambda _: "1, 2, 3, 4, 5, 6, 7, 8")
    pack = EXAMPLES / "packs/cooking"

    code = main(["packs", "--pack", str(pack)])
    outcome = qloragen.generate(pack / "articles", tmp_path / "run", pack=str(pack), base_url=server.base_url)

    assert code == 0
    assert "kitchen = 'a home kitchen with ordinary tools'" in capsys.readouterr().out
    made = {record.type_slug for record in outcome.records()} | {key[1] for key in outcome.summary.rejections}
    assert made >= {"gist", "why", "safety", "figures", "contrast"}
    assert not any("Cassandra" in call.prompt or "NoSQL" in call.prompt for call in server.calls)
    assert all("bread, pickles and other fermented food" in call.prompt for call in server.calls)
    assert "qloragen generate examples/packs/cooking/articles" in (pack / "pack.toml").read_text()


def test_every_example_is_listed_and_every_program_says_how_to_run_it():
    listed = re.findall(r"^\| \[([^]]+)\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)

    there = {file.name for file in EXAMPLES.iterdir() if not file.name.startswith(("_", "README"))}
    packs = {f"packs/{folder.name}" for folder in (EXAMPLES / "packs").iterdir()}
    assert sorted(listed) == sorted((there | packs) - {"packs"})
    for program in EXAMPLES.glob("*.py"):
        assert f"python examples/{program.name}" in program.read_text().split('"""')[1]


@pytest.mark.parametrize(("place", "server_kind"), [(0, like_vllm), (1, like_llama_cpp)])
def test_the_settings_for_servers_of_open_models_are_taken_by_such_servers(tmp_path, serve, place, server_kind):
    server = serve(classify=lambda _: '{"types": [1, 2]}', faults=server_kind)
    document = (EXAMPLES / "local_server.md").read_text()
    settings = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)[place]
    local = re.sub(r'base_url = ".*"', f'base_url = "{server.base_url}"', settings)
    (tmp_path / "qloragen.toml").write_text(local)

    outcome = qloragen.generate([{"id": "a", "content": about("a")}], tmp_path / "run")

    assert local != settings
    assert outcome.summary.failures == {}
    assert outcome.summary.records == len(server.calls) - 1 > 0
    assert {call.model for call in server.calls} == {tomllib.loads(settings)["generate_model"]}


def test_a_record_is_shown_in_full(tmp_path, server, example):
    qloragen.generate(EXAMPLES / "articles", tmp_path / "run", base_url=server.base_url, limit=2)

    done = example("show_record.py", tmp_path / "run")

    assert done.code == 0
    for part in ("INSTRUCTION", "INPUT", "OUTPUT"):
        assert part in done.stdout


def test_a_record_that_the_usual_checks_would_refuse_is_shown_with_the_reasons(tmp_path, server, monkeypatch, example):
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"max_output_bytes": 9, "actions": {"too_long": "flag"}}')
    qloragen.generate(EXAMPLES / "articles/time-series-tutorial.md", tmp_path / "run", base_url=server.base_url)

    done = example("show_record.py", tmp_path / "run")

    assert (done.code, done.stderr) == (0, "")
    assert "NOTED ONLY, OF A REAL MODEL A REASON TO REFUSE THE RECORD\n  too_long\n" in done.stdout
    assert re.search(r"records: (\d+) accepted \(\1 of them with reasons to refuse them\), 0 refused\n", done.stdout)


def test_where_the_checks_accept_nothing_a_refused_record_is_shown_with_the_reason(
    tmp_path, server, monkeypatch, example
):
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"max_output_bytes": 9}')
    qloragen.generate(EXAMPLES / "articles/time-series-tutorial.md", tmp_path / "run", base_url=server.base_url)

    done = example("show_record.py", tmp_path / "run")

    assert (done.code, done.stderr) == (0, "")
    assert "REFUSED\n\n  too_long: " in done.stdout
    assert re.search(r"records: 0 accepted, \d+ refused \(too_long \d+\)", done.stdout)


def test_there_are_articles_of_several_kinds_and_formats():
    articles = [file for file in (EXAMPLES / "articles").iterdir() if file.is_file()]

    assert len(articles) >= 6
    assert len({file.suffix for file in articles}) >= 4
    assert all(500 <= len(file.read_text().split()) <= 1_500 for file in articles)
