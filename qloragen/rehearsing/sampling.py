"""How far a sample of articles may be from all of them."""

from __future__ import annotations

from ..estimation.expected import mean
from .outline import ArticleShape, Shapes

_BYTES_PER_TOKEN = 4


def error_of(shapes: Shapes) -> float:
    """Return how far the mean of all articles may be from that of the sample, as a share of it: in tokens that they
    ask for, which what a run takes and costs goes with; 19 of 20 samples are nearer."""
    found = mean([_tokens(article) for article in shapes.articles])
    return (found.high - found.likely) / found.likely if found.likely else 0.0


def _tokens(article: ArticleShape) -> float:
    asks = [ask for cell in (article.classification, *article.records) for ask in cell.asks]
    prompts = sum(len(message.whole) for ask in asks for message in ask.request.messages)
    return prompts / _BYTES_PER_TOKEN + sum(ask.visible_tokens for ask in asks)
