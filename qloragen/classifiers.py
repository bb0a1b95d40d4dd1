"""Classifiers, to be put together in another way, or to be written: pass one to `Session(..., classifier=...)`.

    Session(out, classifier=Cascade(Decisions("gpt-6-luna", Thresholds(0.45)), Numbers("gpt-6-sol"), band=0.2))

One of your own is any object that has what `Classifier` says.
"""

from .domain.classifiers import Cascade, Classifier, Decisions, Json, Numbers, Subject, Thresholds
from .engine import Completion, Message, Request
from .types import Invalid, Predicate

__all__ = [
    "Cascade",
    "Classifier",
    "Completion",
    "Decisions",
    "Invalid",
    "Json",
    "Message",
    "Numbers",
    "Predicate",
    "Request",
    "Subject",
    "Thresholds",
]
