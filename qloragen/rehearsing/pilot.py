"""What the simulator's own records are like for the articles at hand: how long they are, and how many checks refuse.

A profile says what those of a real model were like, and a rehearsal makes the simulator's like these. That takes
knowing both: on short articles its records are shorter than usual.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..settings import Settings
from ..simulator import Simulation
from ..types import Article
from . import outline
from .timeline import Onlooker
from .traits import USUAL, Own

ENOUGH = 60
"""Articles that are asked about, some six calls each: their mean length is within some 3 %."""


def own_of(articles: Sequence[Article], settings: Settings, onlooker: Onlooker) -> Own:
    """Return what the simulator's own records of these articles are like; of many, some are drawn evenly.

    It blocks, and needs a thread in which no event loop runs.

    Raises:
        SetupError: Settings or pack cannot be used.
    """
    usual = settings.model_copy(update={"batch": False, "flex": False})
    sample = articles[:: -(-len(articles) // ENOUGH)]
    onlooker.stage("how long replies to these articles are in the model of the provider")
    shapes = outline.shapes_of(sample, usual, Simulation(), watch=onlooker.watch)
    cells = [cell for article in shapes.articles for cell in article.records if cell.asks]
    tokens = [ask.visible_tokens for cell in cells for ask in cell.asks]
    if not any(tokens):
        return USUAL
    refused = sum(len(cell.asks) - (cell.rejected is None) for cell in cells)
    return Own({settings.input: sum(tokens) / len(tokens)}, refused / len(tokens))
