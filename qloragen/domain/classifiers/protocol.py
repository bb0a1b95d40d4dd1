"""What a classifier is, and what it is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from ...types import Article, Completion, Invalid, Request, digest
from ..article_block import lay_out
from ..pack import Pack
from ..wording import wording


@dataclass(frozen=True, slots=True)
class Subject:
    """An article as it is put to a classifier."""

    article: Article
    text: str
    """What of the article is to be read, between two tags that it cannot contain."""
    pack: Pack


class Classifier(Protocol):
    """Finds out which types an article supports, in as many calls as it takes; pass your own to `Session`.

    What is asked and what is made of the replies must follow from the arguments alone: paid replies are read again by
    later processes. An error that it raises stops the run; what is paid for is kept.
    """

    @property
    def name(self) -> str:
        """What people call it; where it changes, the plan of a run says so by this name."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it may call, at least one. The name of the last one, whose word is final, is part of the
        address of a classification."""
        ...

    @property
    def most_asks(self) -> int:
        """Replies that one classification may take, those that say nothing included; 1 or more."""
        ...

    @property
    def reading(self) -> str:
        """Identifies the choices by which replies are read and nothing is asked, such as thresholds; "" for none. When
        it has changed, the replies of earlier sessions are read again, which costs nothing."""
        ...

    def fingerprint(self, pack: Pack) -> str:
        """Identify all that calls are built from apart from the article and the last of `models`; never empty. It is
        part of the address of a classification: with another one, everything is classified anew. With the same one
        replies to other questions are taken for answers to these."""
        ...

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        """Return the next call, after `replies` that came to nothing. It needs no `max_cost_usd` or `id`."""
        ...

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        """Return the numbers that `replies` come to, each of a type of `pack`; none says that there is nothing to learn
        from the article.

        An `Invalid` has the next call made, unless it is final; it has `passes_on` where the reply was worth its price
        all the same. Only the last of `replies` is sure to be whole: of those before, `structure` and `finish_reason`
        are.
        """
        ...


_PROBE = Article(id="probe", content="A paragraph.\n\nAnother one.")


def probe(pack: Pack) -> Subject:
    """Return what stands for any article when a classifier is identified."""
    return Subject(_PROBE, lay_out(_PROBE).plain, pack)


def fingerprint_of(requests: Iterable[Request]) -> str:
    """Identify everything in `requests`, one at least, that their replies depend on apart from the model."""
    asked = [*requests]
    forms = [_form(request) for request in asked]
    parts = [*(wording(request.messages) for request in asked), *forms[0]]
    parts += [forms] if any(form != forms[0] for form in forms) else []
    return digest(orjson.dumps(parts).decode())


def _form(request: Request) -> list[object]:
    judged = [[*map(list, request.predicates)]] if request.predicates else []
    return [request.function, request.temperature, *judged]
