"""The way that qloragen replaces, in its order of things and with prompts of its measured lengths.

A strong model reads each article and answers in words; for each type that it names, a cheap model reads the type's
prompt and then the article, and writes the whole record, its input too, as the arguments of a function. There is no
prompt cache, no batch and no second try.

The lengths are those of 1,470 articles and 500 records (tokens): 430 to classify and about 64 for the answer; to
generate 313 of system prompt, 29 of the type's prompt, 50 about the form; 251 for the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import orjson
from unchecked import UNCHECKED

from qloragen.domain import generate
from qloragen.domain.arguments import function
from qloragen.domain.article_block import ArticleBlock, lay_out
from qloragen.domain.pack import Pack
from qloragen.domain.reply import read_types
from qloragen.engine import Engine
from qloragen.simulator import Answer
from qloragen.simulator.answers import answer
from qloragen.types import Article, Completion, Draft, InstructionType, Message, Request

AT_ONCE = 64
CAP_TOKENS = 4_000
"""The predecessor had none; the engine wants one."""

_CLASSIFY = """You sort articles about databases. Below is a list of fourteen kinds of training example that could be \
made from an article. Read the article that follows and say which of them it would be a good source for. Leave out \
those for which it says too little. The examples are for people who run Apache Cassandra, who write programs against \
it, or who have to choose between it and another database; choose what such people would learn something from. An \
article may be a good source for one kind only or for most of them; if it is no article at all, choose none.

{types}

Answer with the kinds that you have chosen, each with its number and its name on a line of its own."""

_SYSTEM = """You are an experienced engineer who knows distributed databases, and above all Apache Cassandra, from \
years of work with them, and you write training examples for a language model that is to learn what you know. You \
will be given the kind of example that is wanted, and after it an article. Write one example of that kind on the \
grounds of the article.

An example has three parts. The first is an instruction: a request or a question such as a person who works with \
Apache Cassandra would put to a colleague. The second is a context: a text of some length that says all that one has \
to know to do what the instruction asks. Write it yourself, in full sentences, out of what the article says; bring \
out what is special about the way in which Cassandra is built, how it spreads data over many machines, how it keeps \
on working when some of them fail, and in what it differs from the relational databases that most people know. The \
third is the response: what a knowledgeable person would answer to the instruction, given the context, in a helpful \
and complete way.

Take care that the instruction and the response are about the same thing, that the response can be understood without \
the article, that names of classes, tables, settings and commands are spelled as in the article, and that nothing is \
left out that a reader would need. Write clear and correct English. Do not use lists where sentences will do, and do \
not repeat in the response what the context has said already in the same words. Both should be of use on their own."""

_FORM = """Return the example by a call of the function, with the instruction in the first argument, the context in \
the second and the response in the third. Each must be plain text without any markup around it, and none of them may \
be empty."""


@dataclass
class Outcome:
    """What a run came to."""

    types: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Numbers of the types by the article's content hash, as they were generated."""
    classifications: list[Completion] = field(default_factory=list)
    generations: list[Completion] = field(default_factory=list)
    accepted: int = 0


@dataclass(frozen=True)
class Predecessor:
    """The pipeline; `classify_model` and `generate_model` are models of the engine."""

    engine: Engine
    pack: Pack
    classify_model: str
    generate_model: str

    async def run(self, articles: Sequence[Article]) -> Outcome:
        """Make the records of `articles`, some articles at a time."""
        outcome, places = Outcome(), anyio.Semaphore(AT_ONCE)

        async def one(article: Article) -> None:
            async with places:
                await self._article(lay_out(article), outcome)

        async with anyio.create_task_group() as tasks:
            for article in articles:
                tasks.start_soon(one, article)
        return outcome

    async def _article(self, block: ArticleBlock, outcome: Outcome) -> None:
        reply = await self.engine.complete(self.classification(block))
        outcome.classifications.append(reply)
        chosen = read_types(reply.text, self.pack.types).types
        kinds = [kind for kind in self.pack.types if kind.number in chosen or (chosen and kind.always)]
        outcome.types[block.article.content_hash] = tuple(kind.number for kind in kinds)
        for kind in kinds:
            made = await self.engine.complete(self.generation(block, kind))
            outcome.generations.append(made)
            draft = generate.parse(made, block, kind, self.pack, "written", UNCHECKED)
            outcome.accepted += isinstance(draft, Draft)

    def classification(self, block: ArticleBlock) -> Request:
        """Return the call that chooses the types."""
        types = "\n".join(f"{kind.number}. {kind.name}: {kind.applies_when}" for kind in self.pack.types)
        messages = (Message("system", _CLASSIFY.format(types=types)), Message("user", block.plain))
        return Request(self.classify_model, messages, CAP_TOKENS, temperature=1.0)

    def generation(self, block: ArticleBlock, kind: InstructionType) -> Request:
        """Return the call for one record: what differs between an article's calls comes before the article."""
        wanted = f"{kind.name}. {kind.guidance}"[:_TYPE_CHARS]
        messages = (Message("system", _SYSTEM), Message("user", f"{wanted}\n\n{_FORM}\n\n{block.plain}"))
        return Request(
            self.generate_model, messages, CAP_TOKENS, function("written", self.pack.record, 1), temperature=1.0
        )


_TYPE_CHARS = 150
"""Some 29 tokens."""


def answers(pack: Pack) -> Callable[[Mapping[str, object]], Answer]:
    """Return the simulated models' answers, in the measured lengths where the built-in ones are longer or shorter: in
    words where the predecessor asks for a classification, and with shorter inputs where a model writes them itself."""
    names = {kind.number: kind.name for kind in pack.types}

    def said(body: Mapping[str, object]) -> Answer:
        given = answer(body)
        if given.arguments is not None:
            return replace(given, arguments=_shortened(given.arguments))
        if given.text and given.text.startswith("{"):
            return replace(given, text=_shortened(given.text))
        if given.text and _MARK in str(body.get("messages")):
            chosen = read_types(given.text, pack.types).types
            return Answer("\n".join([_OPENING, "", *(f"{number}. {names[number]}" for number in chosen)]))
        return given

    return said


def _shortened(arguments: str) -> str:
    record = orjson.loads(arguments)
    if "input" in record:
        record["input"] = " ".join(record["input"].split(" ")[:INPUT_WORDS])
    return orjson.dumps(record).decode()


INPUT_WORDS = 71
"""Most words of an input that a simulated model writes. Its records then have 218 tokens, and 112 where it names
paragraphs instead: in the ratio that was measured, 251 to 129."""
_OPENING = "Having read the whole article, I find that it is a good source for the following kinds of training example:"
_MARK = "You sort articles about databases."
