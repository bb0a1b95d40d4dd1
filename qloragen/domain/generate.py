"""Ask for one record of one instruction type, and make a draft of the reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from ..template import fill
from ..thresholds import Thresholds
from ..types import Article, Completion, Draft, InputMode, InstructionType, Invalid, Message, Request, digest
from .arguments import ASKED_OUTPUT_CHARS, function, read_evidence, read_written
from .article_block import ArticleBlock, enclosed, lay_out, tag_for
from .checks import Case, facts_of, inspect
from .pack import Pack
from .paragraphs import VERSION
from .structured import structured
from .wording import wording

MAX_COMPLETION_TOKENS: dict[InputMode, int] = {"evidence": 700, "written": 1_500}
"""Room for one record. Outputs of records of this kind have 125 words at most and mostly 65, inputs that a model writes
270 and mostly 105 (500 records of a predecessor); code takes up to three tokens a word, JSON escapes more. Providers
charge the tokens-per-minute limit with this number, so it is kept tight; it doubles after a reply that it cut off."""

_PROBE = Article(id="probe", content="A paragraph.\n\nAnother one.")
"""Stands for any article when a prompt is identified."""
_FAULT = Invalid("probe", "A fault.")
_OTHER = "Another instruction?"
_USUAL = Thresholds()

MOST_TOLD_CHARS = 2_000
"""So much is told of an article's other records; the rest of them is left out."""


class Remarks(NamedTuple):
    """What is said at the end of a prompt, where there is anything to say."""

    complaints: Sequence[Invalid] = ()
    """What was wrong with earlier replies."""
    others: Sequence[str] = ()
    """Instructions of the article's other records."""


NO_REMARKS = Remarks()


def request(
    block: ArticleBlock,
    type: InstructionType,
    pack: Pack,
    model: str,
    mode: InputMode,
    *,
    remarks: Remarks = NO_REMARKS,
    output_chars: int = ASKED_OUTPUT_CHARS,
) -> Request:
    """Return the call for one record, whose output a schema holds to `output_chars` characters where it can.

    All that the calls about one article have in common comes first: the system message, the function, then the
    article, up to `Message.shared`; the type's own prompt and the `remarks` come last.
    """
    article = block.numbered if mode == "evidence" else block.plain
    rules = {"input_rules": pack.input_rules[mode]}
    closing = pack.fill(f"\n\n{pack.generate.closing}", name=type.name, guidance=type.guidance, **rules)
    if remarks.complaints:
        listed = "\n".join(dict.fromkeys(_item(complaint.detail) for complaint in remarks.complaints))
        closing = f"{closing}\n\n{pack.fill(pack.generate_again, complaints=listed)}"
    if pack.generate_others and (others := _listed(remarks.others)):
        # A model wrote them, perhaps as its article bade it: data, like the article itself.
        tag = tag_for(others, block.article.content_hash, "instructions")
        told = {**pack.variables, "instructions": enclosed(tag, others)}
        closing = f"{closing}\n\n{fill(pack.generate_others, told)}"
    cut_off = sum(complaint.reason == "truncated" for complaint in remarks.complaints)
    return Request(
        model=model,
        messages=(
            Message("system", pack.fill(pack.generate.system, **rules)),
            Message("user", closing, shared=len(article) + len("\n\n"), head=article),
        ),
        max_completion_tokens=MAX_COMPLETION_TOKENS[mode] * 2**cut_off,
        function=function(mode, pack.record, block.count, output_chars),
        cache_key=block.article.content_hash,
        about=block.article.content_hash,
        group=f"{type.slug}, {mode}",
    )


def fingerprint(type: InstructionType, pack: Pack, mode: InputMode) -> str:
    """Identify everything that a call for `type` is built from apart from article and model; no other type is in it."""
    first = request(lay_out(_PROBE), type, pack, "", mode)
    again = request(lay_out(_PROBE), type, pack, "", mode, remarks=Remarks((_FAULT,)))
    paragraphs = VERSION if mode == "evidence" else 0
    said = [wording(first.messages), wording(again.messages)]
    if pack.generate_others:  # those without it keep the addresses that they had before there was such a thing
        beside = request(lay_out(_PROBE), type, pack, "", mode, remarks=Remarks(others=(_OTHER,)))
        said.append(wording(beside.messages))
    return digest(orjson.dumps([*said, first.function, paragraphs]).decode())


def parse(
    completion: Completion,
    block: ArticleBlock,
    type: InstructionType,
    pack: Pack,
    mode: InputMode,
    thresholds: Thresholds = _USUAL,
) -> Draft | Invalid:
    """Make a draft of a reply, or say all that is wrong with it; never raises, whatever the reply holds."""
    wanted = "record in the required form; return one, with all its fields"
    arguments = structured(completion, shorter="write less", wanted=wanted)
    if isinstance(arguments, Invalid):
        return arguments
    draft = read_evidence(arguments, block.paragraphs) if mode == "evidence" else read_written(arguments)
    if isinstance(draft, Invalid):
        return draft
    found = inspect(Case(draft, facts_of(block.article), type, pack, mode, thresholds))
    if found.defects:
        first, *others = found.defects
        detail = " ".join(defect.detail for defect in found.defects)
        return Invalid(first.code, detail, also=tuple(defect.code for defect in others))
    return replace(draft, quality=found.quality)


def _listed(instructions: Sequence[str]) -> str:
    """Return instructions in lines of their own, the first ones as far as there is room."""
    lines: list[str] = []
    room = MOST_TOLD_CHARS
    for instruction in instructions:
        line = _item(instruction)
        if len(line) < room:
            lines.append(line)
            room -= len(line) + 1
    return "\n".join(lines)


def _item(text: str) -> str:
    """Return a text as one line of a list, whatever is in it."""
    return f"- {' '.join(text.split())}"
