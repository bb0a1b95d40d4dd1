"""Checks of a draft: what no record may hold, and what is noted in it. Pure, and fast enough for every record.

Each check looks for one kind of defect and says, in a sentence that a model can act on, where it found it. What stands
in the article just so is never a defect: articles about templates have templates in them.
"""

from .case import Case, Check, Defect, Inspection
from .facts import ArticleFacts, facts_of
from .inspecting import BY_CODE, CHECKS, inspect
from .surface import SURFACE

__all__ = [
    "BY_CODE",
    "CHECKS",
    "SURFACE",
    "ArticleFacts",
    "Case",
    "Check",
    "Defect",
    "Inspection",
    "facts_of",
    "inspect",
]
