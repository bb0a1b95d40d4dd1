"""The address of a unit of paid work: everything its answer depends on, and nothing else.

An article's id, title, url and place in its source are not part of the address, so renaming, reordering or removing
articles costs nothing; a changed text or prompt costs exactly the cells that it is part of.
"""

from __future__ import annotations

import orjson

from ..types import Article, Cell, Format, InputMode, InstructionType, digest


def classification_cell(article: Article, *, model: str, fingerprint: str, parameters: str) -> Cell:
    """Return the cell of an article's classification.

    `fingerprint` is that of the classification prompt; `parameters` are what the user has set for the model's replies,
    as text that is equal when they are equal.
    """
    return Cell(
        key=classification_key(article.content_hash, model=model, fingerprint=fingerprint, parameters=parameters),
        stage="classify",
        content_hash=article.content_hash,
        format=article.format,
        article_id=article.id,
        model=model,
        prompt_fingerprint=fingerprint,
    )


def generation_cell(
    article: Article, type: InstructionType, *, model: str, fingerprint: str, parameters: str, mode: InputMode
) -> Cell:
    """Return the cell of one record; `fingerprint` is that of the type's generation prompt."""
    key = generation_key(
        article.content_hash,
        article.format,
        type.slug,
        model=model,
        fingerprint=fingerprint,
        parameters=parameters,
        mode=mode,
    )
    return Cell(
        key=key,
        stage="generate",
        content_hash=article.content_hash,
        format=article.format,
        article_id=article.id,
        model=model,
        prompt_fingerprint=fingerprint,
        type=type.number,
        type_slug=type.slug,
        input_mode=mode,
    )


def judgement_cell(article: Article, *, type: InstructionType, model: str, fingerprint: str, judged: str) -> Cell:
    """Return the cell of one judgement; `judged` identifies the record, what is said of its type, and the judge.

    `fingerprint` is that of the judge's prompt.
    """
    return Cell(
        key=judgement_key(article.content_hash, article.format, model=model, fingerprint=fingerprint, judged=judged),
        stage="judge",
        content_hash=article.content_hash,
        format=article.format,
        article_id=article.id,
        model=model,
        prompt_fingerprint=fingerprint,
        type=type.number,
        type_slug=type.slug,
    )


def classification_key(content_hash: str, *, model: str, fingerprint: str, parameters: str) -> str:
    """Return the address of the classification of a text."""
    return _key("classify", content_hash, model, fingerprint, parameters)


def generation_key(
    content_hash: str, format: Format, slug: str, *, model: str, fingerprint: str, parameters: str, mode: InputMode
) -> str:
    """Return the address of the record of type `slug` for a text that is marked up as `format`."""
    # The markup decides where paragraphs end, and so what the numbers in an evidence reply mean.
    markup = format if mode == "evidence" else None
    return _key("generate", content_hash, model, fingerprint, parameters, slug, mode, markup)


def judgement_key(content_hash: str, format: Format, *, model: str, fingerprint: str, judged: str) -> str:
    """Return the address of a judgement about a record of a text that is marked up as `format`."""
    return _key("judge", content_hash, format, model, fingerprint, judged)


def _key(*parts: str | None) -> str:
    # JSON keeps the parts apart, whatever characters they hold.
    return digest(orjson.dumps(parts).decode())
