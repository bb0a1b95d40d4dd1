"""Every code block of the README is executed, in order, as a reader would who has three articles, general data, and no
key.

A new block needs nothing here as long as it does what it says: commands (`sh`), Python, settings (`toml`). One that
shows an output (no language) needs a line in `SHOWN`; addresses and names of others need one in `substitutes`.
"""

import re
import shutil
import socket
import tomllib
from pathlib import Path

import orjson
import pytest

import qloragen
from qloragen.display.layout import Place
from qloragen.display.panel import panel
from qloragen.engine.pricing import lookup
from qloragen.simulator import Answer, Provider, SimulatorServer
from qloragen.simulator.answers import answer
from qloragen.store.run import read_records

from .astra_api import TOKEN, AstraApi
from .documents import ROOT, Block, Reader, blocks_of, commands_of
from .judges import QUESTIONS, Oracle
from .views import BUSY

README = (ROOT / "README.md").read_text("utf-8")
ARTICLES = ("async-paging-python.md", "consistency-and-hints.md", "time-series-tutorial.md")


def honest(body):
    """Answer as the simulator does, but as a judge who finds every planted defect."""
    questions = orjson.dumps(body).count(b'"yes"') if "tools" in body or "response_format" in body else 0
    if questions < len(QUESTIONS):
        return answer(body)
    judgement = Oracle([*read_records(Path("runs/a"))]).perfect(body)
    message = orjson.loads(judgement.body)["choices"][0]["message"]
    arguments = message["tool_calls"][0]["function"]["arguments"]
    given = answer(body)
    return Answer(arguments) if given.function is None else Answer(None, given.function, arguments)


def rows_of(table: str) -> list[str]:
    """Return how the rows of a printed table begin."""
    return [re.split(r"\s{2,}", line)[0] for line in table.splitlines() if line.strip()]


def is_a_part_of_what_was_printed(shown: str, reader: Reader) -> None:
    """The figures are those of other articles; the rows are those of any."""
    missing = [row for row in rows_of(shown) if row not in rows_of(reader.printed)]

    assert missing == [], f"the output before it has no rows {missing}"


def names_the_files_of_the_run(shown: str, _reader: Reader) -> None:
    folder, *files = [line.split()[0] for line in shown.splitlines()]

    assert [name for name in files if not (Path(folder) / name).is_file()] == []


def has_targets_of_the_makefile(shown: str, reader: Reader) -> None:
    reader.execute(Block(0, "sh", shown))


def is_a_panel_as_it_is_drawn(shown: str, _reader: Reader) -> None:
    assert shown.splitlines() == [row.plain for row in panel(BUSY, "runs/a", Place(81, 40))]


SHOWN = {
    "── runs/a": is_a_panel_as_it_is_drawn,
    "make demo ": has_targets_of_the_makefile,
    "model, purpose  ": is_a_part_of_what_was_printed,
    "runs/a/\n": names_the_files_of_the_run,
}
ELSEWHERE = {"^python examples/qlora/": "tests/test_qlora.py tunes and compares models"}
JUDGE, JUDGES_AT, PRICE = "mistral-large-latest", "https://api.mistral.ai/v1", {"prompt": "0.5", "completion": "1.5"}


def substitutes(base_url: str) -> list[tuple[str, str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [
        (re.escape(JUDGES_AT), base_url, "no test leaves this machine"),
        (r"(--port |http://127\.0\.0\.1:)8000", rf"\g<1>{port}", "another server may have port 8000"),
        ("--split 90/5/5", "--split 50/25/25 --seed 7", "of three articles, a twentieth would be none"),
        (r"200000 --ttft-median-s 0\.5 --ttft-p99-s 3", "20000000 --ttft-median-s 0.005 --ttft-p99-s 0.03", "time"),
    ]


@pytest.fixture
def server(portal):
    with portal.wrap_async_context_manager(SimulatorServer(Provider(answers=honest))) as server:
        yield server


@pytest.fixture
def astra(portal):
    """A database with three articles."""
    with portal.wrap_async_context_manager(AstraApi("default_keyspace")) as api:
        texts = [(ROOT / "examples/articles" / name).read_text("utf-8") for name in ARTICLES]
        api.fill("articles", [{"_id": str(n), "content": text, "language": "en"} for n, text in enumerate(texts)])
        yield api


@pytest.fixture
def reader(tmp_path, monkeypatch, capfd, server, astra):
    (tmp_path / "articles").mkdir()
    for name in ARTICLES:
        shutil.copy(ROOT / "examples/articles" / name, tmp_path / "articles")
    general = [{"instruction": f"Count to {n}.", "input": "", "output": f"{[*range(n)]}"} for n in range(50)]
    (tmp_path / "alpaca.json").write_bytes(orjson.dumps(general))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.delenv("QLORAGEN_CHECKS")
    # Prices are listed by the provider's address, which is another one here.
    monkeypatch.setenv("QLORAGEN_MODELS", orjson.dumps({JUDGE: {"price": PRICE}}).decode())
    texts = [Path("articles", name).read_text("utf-8") for name in ARTICLES]
    names = {"articles": [{"id": name, "content": text} for name, text in zip(ARTICLES, texts, strict=True)]}
    database = [
        (r"https://ID-REGION\.apps\.astra\.datastax\.com", astra.endpoint, "no test leaves this machine"),
        (r"AstraCS:\.\.\.", TOKEN, "the reader's own"),
    ]
    return Reader(
        monkeypatch, capfd, [*substitutes(server.base_url), *database], ELSEWHERE, SHOWN, {**names, "texts": texts}
    )


def test_every_block_of_the_readme_does_what_it_says(reader, subtests):
    for block in blocks_of(README):
        with subtests.test(f"line {block.line}"):
            reader.execute(block)

    declared = {*SHOWN, *ELSEWHERE, *(pattern for pattern, _, _ in reader.substitutes)}
    assert declared - reader.used == set()
    assert reader.names["run"]


def test_the_commands_for_servers_of_open_models_do_what_they_say(reader, subtests):
    reader.elsewhere = {"^vllm serve ": "needs a GPU", "^llama-server ": "needs its weights"}

    for block in blocks_of((ROOT / "examples/local_server.md").read_text("utf-8")):
        with subtests.test(f"line {block.line}"):
            reader.execute(block)

    assert reader.used >= reader.elsewhere.keys()


def test_the_judge_of_the_readme_has_a_listed_price_where_it_really_is():
    assert lookup(JUDGE, base_url=JUDGES_AT) is not None


def test_every_extra_that_the_readme_installs_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    named = {
        name.strip() for extras in re.findall(r"(?:\.|qloragen)\[([\w, -]+)\]", README) for name in extras.split(",")
    }

    assert named == set(project["optional-dependencies"])


@pytest.mark.parametrize(
    ("language", "text", "complaint"),
    [
        (
            "sh",
            "qloragen generate nowhere --out runs/x",
            "`qloragen generate nowhere --out runs/x` ended with exit code 2",
        ),
        ("sh", "qloragen settings --no-such-flag", "ended with exit code 2"),
        ("sh", "echo settings | grep no-such-thing", "ended with exit code 1"),
        ("sh", "make nothing", "ended with exit code 2"),
        ("python", "import qloragen\nqloragen.no_such_thing", "no attribute 'no_such_thing'"),
        ("python", "async with articles:\n    pass", "asynchronous context manager"),
        ("toml", "no_such_knob = 1", "no_such_knob"),
        ("json", "{1}", "unexpected character"),
        ("", "an output", "nothing looks at this output"),
        ("cobol", "STOP RUN.", "nothing executes blocks of cobol"),
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_found(reader, language, text, complaint):
    with pytest.raises((AssertionError, AttributeError, TypeError, ValueError, qloragen.SettingsError)) as found:
        reader.execute(Block(1, language, text))

    assert complaint in str(found.value)


def test_blocks_are_found_with_their_lines_and_commands_with_what_they_go_on_with():
    blocks = blocks_of("a\n\n```sh\n# why\nx \\\n  --y\n\nz\n```\n\n```\nw\n```\n")

    assert blocks == [Block(3, "sh", "# why\nx \\\n  --y\n\nz\n"), Block(11, "", "w\n")]
    assert commands_of(blocks[0]) == ["x    --y", "z"]
