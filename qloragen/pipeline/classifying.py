"""Calls to a classifier, which may be anybody's code: what it does wrong is one sentence, and costs no reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..domain.classifiers import Classifier, Subject
from ..domain.pack import Pack
from ..errors import ClassifierFailed, QloragenError, SetupError
from ..types import Completion, Invalid, Request

_Text = Annotated[str, Field(min_length=1)]


class _Said(BaseModel):
    """What a classifier says of itself."""

    model_config = ConfigDict(strict=True)

    name: _Text
    models: Annotated[tuple[_Text, ...], Field(min_length=1)]
    most_asks: Annotated[int, Field(ge=1)]
    reading: str
    fingerprint: _Text


def check(classifier: Classifier, pack: Pack) -> None:
    """Look at what a classifier says of itself.

    Raises:
        SetupError: It is not what `Classifier` asks for, or raises an error.
    """

    def refusal(error: Exception) -> SetupError:
        what = _mistakes(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
        return SetupError(f"The classifier {_named(classifier)} cannot be used: {what}")

    with _guarded(refusal):
        said = {name: getattr(classifier, name) for name in ("name", "models", "most_asks", "reading")}
        _Said.model_validate({**said, "fingerprint": classifier.fingerprint(pack)})


def next_request(classifier: Classifier, subject: Subject, replies: Sequence[Completion]) -> Request:
    """Return the next call.

    Raises:
        ClassifierFailed: The classifier raises an error, or returns no request that can be sent.
    """
    with _guarded(lambda error: _failure(classifier, "request", type(error).__name__)):
        request = classifier.request(subject, replies)
        if request.model not in classifier.models:
            among = ", ".join(classifier.models)
            raise _failure(classifier, "request", f"model {request.model!r} is not among its models ({among})")
        if request.max_completion_tokens < 1:
            raise _failure(classifier, "request", "max_completion_tokens must be 1 or more")
        return request
    raise AssertionError("unreachable")


def numbers_read(classifier: Classifier, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
    """Return what replies come to.

    Raises:
        ClassifierFailed: The classifier raises an error, or returns something else than numbers of types of the pack.
    """
    known = {kind.number for kind in pack.types}
    with _guarded(lambda error: _failure(classifier, "read", type(error).__name__)):
        found = classifier.read(pack, replies)
        if isinstance(found, Invalid):
            return found
        for number in found:
            if number not in known:
                raise _failure(classifier, "read", f"{number!r} is the number of no type of the pack")
        return tuple(found)
    raise AssertionError("unreachable")


@contextmanager
def _guarded(failure: Callable[[Exception], QloragenError]) -> Iterator[None]:
    """Raise what `failure` makes of an error in the place of it."""
    try:
        yield
    except QloragenError:
        raise
    except Exception as error:
        raise failure(error) from error


def _failure(classifier: Classifier, method: str, what: str) -> ClassifierFailed:
    # Without what an error of its own says: that may be an article's text.
    return ClassifierFailed(
        f"The method {method} of the classifier {_named(classifier)} has failed: {what}; mend it and run again, what is"
        " paid for is kept."
    )


def _mistakes(error: ValidationError) -> str:
    return "; ".join(f"its {fault['loc'][0]} is wrong ({fault['msg']})" for fault in error.errors()) + "."


def _named(classifier: Classifier) -> str:
    return repr(getattr(classifier, "name", None) or type(classifier).__name__)
