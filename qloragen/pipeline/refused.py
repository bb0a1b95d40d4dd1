"""What replies have cost that nothing was made of, by reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from ..store.money import SURPLUS, Paid, paid_for, summed, total_paid
from ..types import Invalid, Reply

Answer = TypeVar("Answer")


class Settled(NamedTuple, Generic[Answer]):
    """What a cell has come to."""

    answer: Answer
    replies: list[Reply]
    """Those that it took, the accepted one last."""
    refused: Mapping[str, Paid]
    """What the others have cost."""


def refused_of(replies: Iterable[Reply], complaints: Iterable[Invalid]) -> dict[str, Paid]:
    """Return what replies have cost for each reason; `complaints` are what was wrong with them, in the same order.

    Replies that passed on to another model were worth their price.
    """
    pairs = zip(replies, complaints, strict=False)  # the last replies may not have been read
    return dict(summed((invalid.reason, paid_for(reply.cost_usd)) for reply, invalid in pairs if not invalid.passes_on))


def beside_of(replies: Sequence[Reply], complaints: Iterable[Invalid], paid: Paid) -> dict[str, Paid]:
    """Return what came to nothing of all that was `paid` for a cell, where the last of `replies` is accepted.

    `complaints` are what was wrong with those before it; what is paid beyond these replies has come too late.
    """
    refused = refused_of(replies[:-1], complaints)
    late = paid.minus(total_paid(paid_for(reply.cost_usd) for reply in replies))
    return {**refused, SURPLUS: late} if late.calls > 0 and late.can_be else refused
