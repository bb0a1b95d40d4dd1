"""How many records of a real model do the checks accept at the first ask, with one pack of prompts and with another?

Every pack is asked for the same records: of the same articles, of the same types, at temperature 0, once. The types of
an article are those that the simulator's reader finds in it. Nobody is told the instructions that an article has
already, so that twins show how well the types are told apart. A pack is a folder, or a commit whose prompts/ is taken.

Without --base-url the model is the one on this machine (--local FILE.gguf: another one), which writes no usable
records: see README.md. --replies FILE keeps what the model said, so that the same command again judges the same replies
by the checks of that day, and asks only what is new. --records FILE writes each record with its verdict, for reading.

Run: python benchmarks/first_pass.py [--packs COMMIT prompts] [--corpus FILE] [--articles N] [--types N]
[--base-url URL --model NAME] [--replies FILE] [--records FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import get_args

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from verdicts import Judged, Trial, compared, pack_rows, reason_rows, told, type_rows

from qloragen.assembly import connection_of, locally, specs_of
from qloragen.domain import generate
from qloragen.domain.applicable import applicable, possible
from qloragen.domain.article_block import ArticleBlock, lay_out
from qloragen.domain.checks import CHECKS
from qloragen.domain.classifiers import Numbers, Subject
from qloragen.domain.pack import Pack
from qloragen.domain.reply import read_types
from qloragen.engine import Client, Engine, RequestFailed
from qloragen.engine.body import encode
from qloragen.engine.models import family
from qloragen.local import serve
from qloragen.packs import load_pack
from qloragen.settings import Settings, load
from qloragen.simulator import Model, Provider, SimulatedClient, Simulation
from qloragen.simulator.answers import answer
from qloragen.sources import read_paths
from qloragen.testing import run_virtually
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Completion, Draft, InputMode, Usage

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "b7f63f9"
"""The last commit with version 1 of the default pack."""
UNCHECKED = Thresholds(actions=dict.fromkeys((check.code for check in CHECKS), "off"))


def main() -> None:
    options = _options()
    work = _judged(options)
    judged = run_virtually(work) if options.simulated else asyncio.run(work)
    tables = {
        "packs": list(pack_rows(judged)),
        "types": list(type_rows(judged)),
        "reasons": list(reason_rows(judged)),
    }
    for rows in (table for table in tables.values() if table):
        harness.show(rows)
        print()
    for first, second in combinations(options.packs, 2):
        print(compared(judged, first, second))
    if options.records:
        options.records.write_bytes(b"".join(orjson.dumps(told(found)) + b"\n" for found in judged))
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--packs", nargs="+", default=[BEFORE, "prompts"], metavar="PACK", help="folders, or commits")
    parser.add_argument("--modes", nargs="+", choices=get_args(InputMode), default=list(get_args(InputMode)))
    parser.add_argument("--corpus", type=Path, default=ROOT / "examples" / "articles", metavar="FILE")
    parser.add_argument("--articles", type=int, metavar="N", help="so many, evenly out of the corpus")
    parser.add_argument("--chars", type=int, default=6_000, metavar="N", help="articles that are longer are left out")
    parser.add_argument("--types", type=int, default=6, metavar="N", help="at most so many types of an article")
    parser.add_argument("--base-url", metavar="URL", help="a provider, for money; the key comes from OPENAI_API_KEY")
    parser.add_argument("--model", help="the model there", default="gpt-6-luna")
    parser.add_argument("--local", type=Path, metavar="FILE", help="a GGUF file in place of the model of the package")
    parser.add_argument("--simulated", action="store_true", help="ask the simulator, which tells nothing of prompts")
    parser.add_argument("--replies", type=Path, metavar="FILE", help="keeps what the model said")
    parser.add_argument("--calls", type=int, metavar="N", help="so many at most; with 0 what is kept is judged again")
    parser.add_argument("--records", type=Path, metavar="FILE", help="each record with its verdict")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.articles = options.articles or (2 if options.short else None)
    if options.short:
        options.types, options.modes = min(options.types, 3), options.modes[:1]
    return options


# ----------------------------------------------------------------------------------------------------------- asking


async def _judged(options: argparse.Namespace) -> list[Judged]:
    blocks = await _blocks(options)
    with tempfile.TemporaryDirectory() as temporary:
        packs = {name: load_pack(_folder(name, Path(temporary, str(n)))) for n, name in enumerate(options.packs)}
    async with _engine(options) as (engine, settings):
        trials = list(_trials(options, packs, blocks, settings))
        replies = await _replies(engine, trials, options.replies, options.calls)
    return [_judge(trial, replies[trial.key]) for trial in trials if trial.key in replies]


async def _blocks(options: argparse.Namespace) -> list[ArticleBlock]:
    """Return the articles to ask about, spread evenly over the corpus."""
    found = [item async for item in read_paths([options.corpus]) if isinstance(item, Article)]
    short = [article for article in found if len(article.content) <= options.chars]
    wanted = min(options.articles or len(short), len(short))
    return [lay_out(short[at * len(short) // wanted]) for at in range(wanted)]


def _folder(pack: str, room: Path) -> Path:
    """Return the folder of a pack; one of a commit is laid out in `room`."""
    for folder in (Path(pack), ROOT / pack):
        if folder.is_dir():
            return folder
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run([*git, "ls-tree", "--name-only", pack, "prompts/"], capture_output=True, check=False)  # noqa: S603
    if listed.returncode:
        sys.exit(f"{pack} is neither a folder nor a commit of this repository.")
    room.mkdir()
    for name in listed.stdout.decode().split():
        shown = subprocess.run([*git, "show", f"{pack}:{name}"], capture_output=True, check=True)  # noqa: S603
        (room / Path(name).name).write_bytes(shown.stdout)
    return room


@asynccontextmanager
async def _engine(options: argparse.Namespace) -> AsyncIterator[tuple[Engine, Settings]]:
    """Yield what answers, and the settings that it answers by."""
    if options.simulated:
        yield _over(SimulatedClient(Provider(Simulation(models={"*": Model()}))), load(base_url="http://simulated"))
    elif options.base_url:
        settings = load(base_url=options.base_url, classify_model=options.model, generate_model=options.model)
        async with connection_of(settings, specs_of(settings), settings.base_url) as client:
            yield _over(client, settings)
    else:
        async with serve(options.local) as server:
            settings = locally(load(local=options.local or True), server)
            async with connection_of(settings, specs_of(settings), settings.base_url) as client:
                yield _over(client, settings)


def _over(client: Client, settings: Settings) -> tuple[Engine, Settings]:
    return Engine(client, specs_of(settings)), settings


def _trials(
    options: argparse.Namespace, packs: Mapping[str, Pack], blocks: Sequence[ArticleBlock], settings: Settings
) -> Iterator[Trial]:
    """Yield what is asked, the calls about an article with one pack in a row, so that they share its prefix."""
    judge = next(iter(packs.values()))
    asked: Counter[int] = Counter()
    for block in blocks:
        numbers = _types(block, judge, options.types, asked)
        asked.update(numbers)
        for name, pack in packs.items():
            for mode in options.modes:
                for kind in (kind for kind in pack.types if kind.number in numbers):
                    request = generate.request(
                        block, kind, pack, settings.generate_model, mode, output_chars=settings.output_chars
                    )
                    yield Trial(name, mode, block, kind, replace(request, temperature=0.0), pack)


def _types(block: ArticleBlock, pack: Pack, most: int, asked: Mapping[int, int]) -> frozenset[int]:
    """Return numbers of types that the article supports, those first that were asked for least."""
    request = Numbers("reader").request(Subject(block.article, block.plain, pack), ())
    said = answer(json.loads(encode(request, family(request.model), None))).text or ""
    supported = applicable(read_types(said, pack.types).types, possible(block.article, pack.types))
    return frozenset(sorted((kind.number for kind in supported), key=lambda number: asked.get(number, 0))[:most])


async def _replies(
    engine: Engine, trials: Sequence[Trial], kept: Path | None, most: int | None
) -> dict[str, Completion]:
    """Return what the model says to each request, by key, after `most` new calls; failures are named and left out."""
    replies = dict(_read(kept)) if kept else {}
    unknown = {trial.key: trial.request for trial in trials if trial.key not in replies}
    missing = dict(islice(unknown.items(), most))
    names = {id(request): key for key, request in missing.items()}
    async with engine.map(missing.values()) as outcomes:
        async for request, outcome in outcomes:
            if isinstance(outcome, RequestFailed):
                print(f"no reply: {outcome}", file=sys.stderr)
                continue
            key = names[id(request)]
            replies[key] = outcome
            _keep(kept, key, outcome)
            print(f"\r{len(replies)} replies", end="", file=sys.stderr)
    print(file=sys.stderr)
    return replies


def _keep(file: Path | None, key: str, reply: Completion) -> None:
    if file is None:
        return
    said = {"arguments": reply.arguments, "finish_reason": reply.finish_reason, "refusal": reply.refusal}
    with file.open("ab") as lines:
        lines.write(orjson.dumps({"key": key, **said, "usage": list(reply.usage)}) + b"\n")


def _read(file: Path) -> Iterator[tuple[str, Completion]]:
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        said = orjson.loads(line)
        usage = Usage(*said["usage"])
        yield (
            said["key"],
            Completion("", said["arguments"], said["finish_reason"], said["refusal"], usage, "", None, None, b""),
        )


def _judge(trial: Trial, reply: Completion) -> Judged:
    asked = reply, trial.block, trial.type, trial.texts, trial.mode
    verdict, draft = generate.parse(*asked), generate.parse(*asked, UNCHECKED)
    return Judged(trial, reply, verdict, draft if isinstance(draft, Draft) else None)


if __name__ == "__main__":
    main()
