"""Checks of a draft: what no record may hold, and what is noted in it. Pure, and fast enough for every record.

Each check looks for one kind of defect and says, in a sentence that a model can act on, where it found it. What stands
in the article just so is never a defect: articles about templates have templates in them.

`case` says what a check is, and `inspecting` makes all of them: those of `surface`, a module for each kind of defect
that is seen in the text itself, and those of `grounding`, by which input and output have to rest on something. The
latter compare texts in words: `tokens` and `vocabulary` (words, and their stems), `runs`, `words` (a text), `facts` (an
article), `said` (a draft), `names`, `quantities`, `numbers`, `alike` (what is compared).
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
