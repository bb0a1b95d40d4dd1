"""Calls to a classifier, which may be anybody's code: what it does wrong is one sentence, and costs no reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..domain.classifiers import Classifier, Subject
from ..domain.pack import Pack
from ..errors import ClassifierFailed, SetupError
from ..types import Completion, Invalid, Request


def check(classifier: Classifier, pack: Pack) -> None:
    """Look at what a classifier says of itself.

    Raises:
        SetupError: It is not what `Classifier` asks for, or raises an error.
    """
    try:
        mistakes = list(_mistakes(classifier, pack))
    except Exception as error:
        raise SetupError(f"The classifier {_named(classifier)} raises {type(error).__name__}: {error}") from error
    if mistakes:
        raise SetupError(f"The classifier {_named(classifier)} cannot be used: {'; '.join(mistakes)}.")


def next_request(classifier: Classifier, subject: Subject, replies: Sequence[Completion]) -> Request:
    """Return the next call.

    Raises:
        ClassifierFailed: The classifier raises an error, or returns no request that can be sent.
    """
    try:
        request = classifier.request(subject, replies)
        wrong = _wrong_with(request, classifier)
    except Exception as error:
        raise _failure(classifier, "request", type(error).__name__) from error
    if wrong is not None:
        raise _failure(classifier, "request", wrong)
    return request


def numbers_read(classifier: Classifier, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
    """Return what replies come to.

    Raises:
        ClassifierFailed: The classifier raises an error, or returns something else than numbers of types of the pack.
    """
    try:
        found = classifier.read(pack, replies)
        numbers = () if isinstance(found, Invalid) else tuple(found)
    except Exception as error:
        raise _failure(classifier, "read", type(error).__name__) from error
    known = {kind.number for kind in pack.types}
    for number in numbers:
        if number not in known:
            raise _failure(classifier, "read", f"{number!r} is the number of no type of the pack")
    return found if isinstance(found, Invalid) else numbers


def _mistakes(classifier: Classifier, pack: Pack) -> Iterator[str]:
    # What is declared is no help: it may be anything.
    said: dict[str, object] = {name: getattr(classifier, name) for name in ("name", "models", "most_asks", "reading")}
    models, asks = said["models"], said["most_asks"]
    if not _is_text(said["name"]):
        yield "its name must be text"
    if not isinstance(models, tuple) or not models or not all(map(_is_text, models)):
        yield "its models must be a tuple of one name or more"
    if not isinstance(asks, int) or asks < 1:
        yield "its most_asks must be a whole number, 1 or more"
    if not isinstance(said["reading"], str):
        yield 'its reading must be text, "" for none'
    if not _is_text(classifier.fingerprint(pack)):
        yield "its fingerprint must be text that is not empty: it tells its replies from those of others"


def _wrong_with(request: object, classifier: Classifier) -> str | None:
    if not isinstance(request, Request):
        return "it returns no Request"
    if request.model not in classifier.models:
        return f"model {request.model!r} is not among its models ({', '.join(classifier.models)})"
    if request.max_completion_tokens < 1:
        return "max_completion_tokens must be 1 or more"
    return None


def _failure(classifier: Classifier, method: str, what: str) -> ClassifierFailed:
    # Without what an error of its own says: that may be an article's text.
    return ClassifierFailed(
        f"The method {method} of the classifier {_named(classifier)} has failed: {what}; mend it and run again, what is"
        " paid for is kept."
    )


def _named(classifier: Classifier) -> str:
    name = getattr(classifier, "name", None)
    return repr(name if _is_text(name) else type(classifier).__name__)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
