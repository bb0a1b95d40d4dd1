"""Who says which instruction types an article supports: the protocol, and the classifiers of the package.

All of them are values: they know no article, hold no state, and make no call.
"""

from .cascade import DOUBTFUL, Cascade
from .decisions import EVEN, SUBSTANCE, Chances, Decisions, Thresholds, chances_in
from .listing import MOST_ASKS, Json, Numbers
from .protocol import Classifier, Subject

__all__ = [
    "DOUBTFUL",
    "EVEN",
    "MOST_ASKS",
    "SUBSTANCE",
    "Cascade",
    "Chances",
    "Classifier",
    "Decisions",
    "Json",
    "Numbers",
    "Subject",
    "Thresholds",
    "chances_in",
]
