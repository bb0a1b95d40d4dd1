"""Ask a judge about one record: the article first, so that the calls about its records share it; the record last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from ...types import Article, Draft, Function, Invalid, Message, Request, digest
from ..article_block import ArticleBlock, lay_out
from ..pack import JudgeTexts, Pack
from ..paragraphs import VERSION
from ..wording import wording
from .text import Told, laid_out

FUNCTION_NAME = "save_judgement"
MAX_COMPLETION_TOKENS = 700
"""Room for five answers with a quote of 25 words each, and names and signs about them."""
LIKELY_COMPLETION_TOKENS = 220
"""What five answers with usual quotes come to."""
QUOTE_CHARS = 300
"""What a model is held to where a grammar holds it."""

_PROBE = Article(id="probe", content="A paragraph.\n\nAnother one.")
"""Stands for any article when a prompt is identified."""
_DRAFT = Draft("An instruction.", "A paragraph.", "An output.")
_TOLD = Told("A type", "Its guidance.")
_FAULT = Invalid("probe", "A fault.")


def request(
    block: ArticleBlock,
    draft: Draft,
    told: Told,
    pack: Pack,
    model: str,
    *,
    complaints: Sequence[Invalid] = (),
) -> Request:
    """Return the call that judges one record of an article, with what was wrong with earlier replies.

    All that the calls about one article have in common comes first, up to `Message.shared`.
    """
    texts, article = pack.judge, block.numbered
    kind = pack.fill(texts.record, name=told.name, guidance=told.guidance)
    parts = ["", kind, laid_out(draft), texts.closing]
    if complaints:
        listed = "\n".join(dict.fromkeys(f"- {complaint.detail}" for complaint in complaints))
        parts.append(pack.fill(texts.again, complaints=listed))
    cut_off = sum(complaint.reason == "truncated" for complaint in complaints)
    return Request(
        model=model,
        messages=(
            Message("system", texts.system),
            Message("user", "\n\n".join(parts), shared=len(article) + len("\n\n"), head=article),
        ),
        max_completion_tokens=MAX_COMPLETION_TOKENS * 2**cut_off,
        function=function(texts),
        temperature=0.0,
        cache_key=block.article.content_hash,
        about=block.article.content_hash,
        group="judge",
    )


def alone(request: Request) -> Request:
    """Return `request` for a model whose prompt cache is not to be written: no other call shares its beginning."""
    messages = tuple(replace(message, shared=0) for message in request.messages)
    return replace(request, messages=messages, cache_key=None)


def function(texts: JudgeTexts) -> Function:
    """Return the function that a judge calls: for each question a quote, and then the answer."""
    quote = {"type": "string", "description": texts.quote, "maxLength": QUOTE_CHARS}
    properties = {
        name: {
            "type": "object",
            "description": question,
            "properties": {"quote": quote, "yes": {"type": "boolean"}},
            "required": ["quote", "yes"],
            "additionalProperties": False,
        }
        for name, question in texts.questions.items()
    }
    return Function(
        name=FUNCTION_NAME,
        description=texts.function,
        parameters={
            "type": "object",
            "properties": properties,
            "required": [*properties],
            "additionalProperties": False,
        },
    )


def fingerprint(pack: Pack) -> str:
    """Identify everything that a call is built from apart from article, record, type and model."""
    block = lay_out(_PROBE)
    first = request(block, _DRAFT, _TOLD, pack, "")
    again = request(block, _DRAFT, _TOLD, pack, "", complaints=(_FAULT,))
    return digest(orjson.dumps([wording(first.messages), wording(again.messages), first.function, VERSION]).decode())
