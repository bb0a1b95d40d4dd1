"""How far are the prompt tokens estimated before each call from those that it has, for prose, code and Chinese?

Run: python benchmarks/token_estimates.py [--corpus FILE]. Prints a table; --json FILE writes the numbers; --short is
quick. Needs a tokenizer for the real numbers: pip install bpe-openai.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.domain import generate
from qloragen.domain.article_block import lay_out
from qloragen.domain.classifiers import Numbers, Subject
from qloragen.engine.body import encode
from qloragen.engine.models import family
from qloragen.engine.tokens import Densities, Estimator, Makeup, makeup
from qloragen.packs.reading import load_pack
from qloragen.sources import read_paths
from qloragen.types import Article, Request

STRONG, CHEAP = "gpt-4.1", "gpt-4.1-mini"
VOCABULARIES = {STRONG: "cl100k_base", CHEAP: "o200k_base"}
"""Two different ones, so that what one model tells about another is not flattered."""
GENERATIONS = 6
WINDOWS = ((0, 10), (10, 100), (100, 1_000), (1_000, sys.maxsize))
"""Numbers of the calls to one model whose estimates are shown together."""
CODE_SHARE = 0.3
_CODE = re.compile(r"(?ms)^(?:```|----).*?^(?:```|----)")
CHINESE = (
    "一致性级别决定了一次读取需要多少个副本作出回答。",
    "如果某个节点暂时不可用，协调者会保存提示，并在它恢复之后重放写入。",
    "压缩把多个有序文件合并成一个，并丢弃已经过期的墓碑。",
    "分区键的选择决定了数据如何分布在整个集群里。",
    "过大的分区会使读取变慢，也会使修复的时间变长。",
    "布隆过滤器可以避免读取不包含所需行的文件。",
    "在生产环境中应当定期运行修复，否则被删除的数据可能会重新出现。",
    "写入首先进入提交日志，然后才写入内存表。",
    "时间序列数据通常按照设备和日期来划分。",
    "轻量级事务需要四次往返，因此比普通写入慢得多。",
    "升级之前，请先为每一个节点制作快照，例如使用 nodetool snapshot 命令。",
    "客户端驱动程序会把请求直接发送给拥有数据的副本。",
    "默认端口是 9042，节点之间的通信使用 7000。",
    "我们在三个数据中心测量了延迟，第九十九百分位是 12 毫秒。",
    "内存不足时，垃圾回收的停顿会导致节点被误认为已经宕机。",
    "请不要把这个数据库当作队列来使用。",
)
"""Written for this script."""


class Call(NamedTuple):
    """One request as the main job sends it."""

    kind: str
    model: str
    key: str
    """The article's hash."""
    length: int
    """Bytes of the body."""
    makeup: Makeup
    tokens: int
    """As the vocabulary of the model has it."""


class Errors(NamedTuple):
    """Errors of the estimates of some calls, as shares of the real tokens."""

    median: float
    p95: float
    short: float
    """Share of the calls that were underestimated by more than a tenth."""


class Tokenizer(Protocol):
    """What is used of a tokenizer of bpe-openai."""

    def encode_ordinary(self, text: str) -> list[int]: ...


class Guess(Protocol):
    """One way to estimate, of which each run makes a new one."""

    def estimate(self, call: Call) -> int: ...

    def learn(self, call: Call, estimated: int) -> None: ...


class FourBytes:
    """Four bytes a token, for ever."""

    def estimate(self, call: Call) -> int:
        return call.length // 4

    def learn(self, call: Call, estimated: int) -> None:
        pass


class OneRatio:
    """All tokens of a model by all bytes, so far."""

    def __init__(self) -> None:
        self._sums = {STRONG: (1_000, 4_000), CHEAP: (1_000, 4_000)}

    def estimate(self, call: Call) -> int:
        tokens, length = self._sums[call.model]
        return call.length * tokens // length

    def learn(self, call: Call, estimated: int) -> None:  # noqa: ARG002
        tokens, length = self._sums[call.model]
        self._sums[call.model] = (tokens + call.tokens, length + call.length)


class Classes:
    """The engine's estimator, without keys."""

    def __init__(self) -> None:
        self._estimators = {STRONG: Estimator(), CHEAP: Estimator()}

    def estimate(self, call: Call) -> int:
        return self._estimators[call.model].estimate(call.makeup)

    def learn(self, call: Call, estimated: int) -> None:
        self._estimators[call.model].learn(call.makeup, estimated=estimated, actual=call.tokens)


class Keyed:
    """The engine's estimators with the article as the key, which both models share."""

    def __init__(self) -> None:
        densities = Densities()
        self._estimators = {STRONG: Estimator(densities), CHEAP: Estimator(densities)}

    def estimate(self, call: Call) -> int:
        return self._estimators[call.model].estimate(call.makeup, call.key)

    def learn(self, call: Call, estimated: int) -> None:
        self._estimators[call.model].learn(call.makeup, estimated=estimated, actual=call.tokens, key=call.key)


GUESSES: dict[str, type[Guess]] = {
    "4 bytes a token": FourBytes,
    "one ratio": OneRatio,
    "classes of bytes": Classes,
    "classes, article": Keyed,
}


def main() -> None:
    options = _options()
    if find_spec("bpe_openai") is None:
        sys.exit("The real token counts need a tokenizer: install it with `pip install bpe-openai` (75 MB).")
    calls = _calls([*asyncio.run(_articles(options.corpus)), *_chinese(15 if options.short else 70)])
    rows = list(_rows(calls, seeds=2 if options.short else 10))
    _show(rows)
    if options.json:
        options.json.write_text(json.dumps([{"kind": k, "model": m, "guess": g, "errors": e} for k, m, g, e in rows]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    examples = Path(__file__).resolve().parents[1] / "examples/articles"
    parser.add_argument("--corpus", type=Path, default=examples, metavar="FILE", help="articles, as the main job reads")
    parser.add_argument("--short", action="store_true", help="fewer repetitions, fewer Chinese articles")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


async def _articles(path: Path) -> list[tuple[str, Article]]:
    """Read a corpus; an article is code if 30 % of it are."""
    found = [unit async for unit in read_paths(path) if isinstance(unit, Article)]
    return [("code" if _code_share(article.content) > CODE_SHARE else "prose", article) for article in found]


def _code_share(text: str) -> float:
    return sum(len(block) for block in _CODE.findall(text)) / len(text)


def _chinese(count: int) -> Iterator[tuple[str, Article]]:
    random = Random(1)  # noqa: S311 - a fixed seed
    for number in range(count):
        paragraphs = ["".join(random.choices(CHINESE, k=5)) for _ in range(2 + int(random.lognormvariate(2.7, 0.7)))]
        yield "Chinese", Article(id=f"zh{number}", content=f"# 文章 {number}\n\n" + "\n\n".join(paragraphs))


def _calls(articles: Iterable[tuple[str, Article]]) -> list[list[Call]]:
    """Return the calls about each article: the classification by one model, then the generations by another."""
    bpe_openai = import_module("bpe_openai")
    pack, random = load_pack(), Random(1)  # noqa: S311 - a fixed seed
    tokenizers: dict[str, Tokenizer] = {model: bpe_openai.get_encoding(name) for model, name in VOCABULARIES.items()}
    found = []
    for kind, article in articles:
        block = lay_out(article)
        types = random.sample(pack.types, min(GENERATIONS, len(pack.types)))
        requests = [
            Numbers(STRONG).request(Subject(article, block.plain, pack), ()),
            *(generate.request(block, asked, pack, CHEAP, "evidence") for asked in types),
        ]
        found.append([_call(kind, article, request, tokenizers[request.model]) for request in requests])
    return found


def _call(kind: str, article: Article, request: Request, tokenizer: Tokenizer) -> Call:
    """Encode a request, and count its tokens: texts and tools, and three for each, as OpenAI's cookbook counts them."""
    body = encode(request, family(request.model), "tools" if request.function else None)
    texts = [message.whole for message in request.messages]
    if request.function is not None:
        texts.append(orjson.dumps(orjson.loads(body)["tools"]).decode())
    tokens = sum(len(tokenizer.encode_ordinary(text)) + 3 for text in texts)
    return Call(kind, request.model, article.content_hash, len(body), makeup(body), tokens)


Row = tuple[str, str, str, list[Errors | None]]
"""Kind of article, model, way to estimate, errors by window."""


def _rows(calls: list[list[Call]], seeds: int) -> Iterator[Row]:
    kinds = sorted({group[0].kind for group in calls})
    for kind in ("mixed", *kinds):
        chosen = [group for group in calls if kind in {"mixed", group[0].kind}]
        for name, guess in GUESSES.items():
            errors = [_errors(chosen, guess(), seed) for seed in range(seeds)]
            for model in (STRONG, CHEAP):
                yield kind, model, name, [_summed_up(errors, model, window) for window in WINDOWS]


def _errors(calls: list[list[Call]], guess: Guess, seed: int) -> dict[str, list[float]]:
    """Return the relative errors of the estimates by model, in the order of the calls; below 0 is too few."""
    groups, errors = list(calls), dict[str, list[float]]({STRONG: [], CHEAP: []})
    Random(seed).shuffle(groups)  # noqa: S311 - a fixed seed
    for call in (call for group in groups for call in group):
        estimated = guess.estimate(call)
        errors[call.model].append(estimated / call.tokens - 1)
        guess.learn(call, estimated)
    return errors


def _summed_up(runs: list[dict[str, list[float]]], model: str, window: tuple[int, int]) -> Errors | None:
    errors = [error for run in runs for error in run[model][slice(*window)]]
    if not errors:
        return None
    sizes = sorted(abs(error) for error in errors)
    short = sum(error < -0.1 for error in errors) / len(errors)
    return Errors(sizes[len(sizes) // 2], sizes[int(0.95 * len(sizes))], short)


def _show(rows: list[Row]) -> None:
    print("Errors in %: median / 95th percentile / share of calls underestimated by more than 10 %")
    print(f"{'articles':<10}{'calls':<18}{'estimate':<18}", *(f"{_named(window):>20}" for window in WINDOWS))
    for kind, model, guess, errors in rows:
        stage = "classification" if model == STRONG else "generation"
        print(f"{kind:<10}{stage:<18}{guess:<18}", *(f"{_percent(window):>20}" for window in errors))


def _named(window: tuple[int, int]) -> str:
    return f"after {window[0]:,} calls" if window[0] else f"first {window[1]}"


def _percent(errors: Errors | None) -> str:
    return "-" if errors is None else " / ".join(f"{100 * share:.1f}" for share in errors)


if __name__ == "__main__":
    main()
