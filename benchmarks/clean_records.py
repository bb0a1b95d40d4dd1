"""Clean records about any articles, for the benchmarks that need some: from the simulated model, then in other words.

Its records of the mode `evidence` rest on paragraphs word for word; those of `written` on a paraphrase of them. About
half of the questions, and of the outputs that rest on paragraphs, are put in other words too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from qloragen.domain import generate
from qloragen.domain.arguments import read_evidence, read_written
from qloragen.domain.article_block import ArticleBlock, lay_out
from qloragen.domain.classifiers import Numbers, Subject
from qloragen.domain.pack import Pack
from qloragen.domain.planting import Clean, Voice, asked_anew, in_common, paraphrased, retold, shows_what_it_needs
from qloragen.engine.body import encode
from qloragen.engine.models import family
from qloragen.simulator.answers import answer
from qloragen.sources import read_paths
from qloragen.types import Article, Draft, InputMode, InstructionType, Request

_MODEL = "gpt-4o-mini"
_STRENGTHS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
"""How freely models write; a few stay near the text, a few hardly keep a word of it."""


def articles_of(paths: Sequence[Path]) -> list[Article]:
    """Return the articles of files and folders, cleaned as for a run."""

    async def gathered() -> list[Article]:
        return [item async for item in read_paths(paths) if isinstance(item, Article)]

    return asyncio.run(gathered())


def clean_records(articles: Sequence[Article], pack: Pack, mode: InputMode, seed: int) -> list[Clean]:
    """Return records of all types that the simulated model finds in the articles; the same for the same seed.

    Those that anybody would call bad are left out: thin ones, answers that are the whole input or nothing but
    questions, records without what their type needs, and those that say the same as an earlier one of the article.
    """
    found: list[Clean] = []
    random = Random(f"{seed}, {mode}")  # noqa: S311 - not for secrets
    for article in articles:
        block = lay_out(article)
        for kind, draft in simulated_records(block, pack, mode):
            said = _in_other_words(draft, kind, mode, random)
            if _is_clean(said, kind) and not any(_say_the_same(said, other, article) for other in found[-_SIBLINGS:]):
                found.append(Clean(said, article, kind, pack, mode, found))
    return found


_SIBLINGS = 20
"""More records an article does not have."""
_SAME = 0.7


def _say_the_same(draft: Draft, other: Clean, article: Article) -> bool:
    one, another = draft.output, other.draft.output
    return other.article is article and min(in_common(one, another), in_common(another, one)) >= _SAME


_MOST_COPIED = 0.8
_LEAST_WORDS, _LEAST_ANSWER = 35, 12
"""Of 500 records that a model wrote, 5 % had inputs of fewer than 55 words, and outputs of fewer than 40."""


def _is_clean(draft: Draft, kind: InstructionType) -> bool:
    thin = len(draft.input.split()) < _LEAST_WORDS or len(draft.output.split()) < _LEAST_ANSWER
    copied = len(draft.output) > _MOST_COPIED * len(draft.input)
    asks = draft.output.count("?") >= draft.output.count(".")
    return not (thin or copied or asks) and shows_what_it_needs(draft, kind)


def simulated_records(block: ArticleBlock, pack: Pack, mode: InputMode) -> Iterator[tuple[InstructionType, Draft]]:
    """Yield what the simulated model makes of an article, unchecked."""
    said = answer(_body(Numbers(_MODEL).request(Subject(block.article, block.plain, pack), ()))).text or "0"
    numbers = set(map(int, said.split(", ")))
    for kind in (kind for kind in pack.types if kind.number in numbers):
        arguments = answer(_body(generate.request(block, kind, pack, _MODEL, mode))).arguments or ""
        draft = read_evidence(arguments, block.paragraphs) if mode == "evidence" else read_written(arguments)
        if isinstance(draft, Draft):
            yield kind, draft


def _body(request: Request) -> dict[str, object]:
    body: dict[str, object] = json.loads(encode(request, family(_MODEL), "tools"))
    return body


def _in_other_words(draft: Draft, kind: InstructionType, mode: InputMode, random: Random) -> Draft:
    voice = Voice(random, random.choice(_STRENGTHS), filler=random.choice((0.1, 0.2, 0.3, 0.5)))
    if mode == "written":
        code = kind.shows == "code" or random.random() < 0.5
        given, output = retold(draft.input, draft.output, voice, code=code)
        draft = replace(draft, input=given, output=output)
    elif random.random() < 0.5:
        draft = replace(draft, output=_restated(draft.output, voice))
    if mode == "written" or random.random() < 0.6:
        draft = replace(draft, instruction=asked_anew(draft.instruction, draft.input, kind, random))
    return draft


def _restated(output: str, voice: Voice) -> str:
    """Return an output in other words, line by line."""
    return "\n".join(paraphrased(line, voice, kept=line) for line in output.split("\n"))
