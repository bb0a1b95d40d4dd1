"""Defects that are seen in the text itself, the fatal and cheap ones first."""

from __future__ import annotations

from .answers import ANSWERS
from .case import Check
from .characters import CHARACTERS
from .copies import COPIES
from .dangling import DANGLING
from .ending import ENDING
from .furniture import FURNITURE
from .language import LANGUAGE
from .loops import LOOPS
from .numbering import NUMBERING
from .persons import PERSONS
from .placeholders import PLACEHOLDERS
from .prompts import PROMPTS
from .secrets import SECRETS
from .size import SIZE
from .talk import TALK

SURFACE: tuple[Check, ...] = (
    *SIZE,
    *CHARACTERS,
    *PLACEHOLDERS,
    *PROMPTS,
    *NUMBERING,
    *TALK,
    *ANSWERS,
    *ENDING,
    *COPIES,
    *LOOPS,
    *LANGUAGE,
    *SECRETS,
    *PERSONS,
    *FURNITURE,
    *DANGLING,
)
