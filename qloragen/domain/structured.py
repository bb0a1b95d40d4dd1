"""The structured answer that a reply holds, whatever it is an answer to."""

from __future__ import annotations

from ..types import Completion, Invalid


def structured(completion: Completion, *, shorter: str, wanted: str) -> str | Invalid:
    """Return the arguments of a reply as JSON text, or say why it has none that can be used.

    A model that is asked again is told what to do about a reply that was cut off (`shorter`), and what was asked for
    and not there (`wanted`).
    """
    if completion.refusal is not None:
        return Invalid("refusal", "The model refused to answer.", final=True)
    match completion.finish_reason:
        case "content_filter":
            return Invalid("content_filter", "The provider's content filter stopped the reply.", final=True)
        case "length":
            return Invalid("truncated", f"The reply was cut off before its end; {shorter}.")
    if completion.arguments is None or not completion.arguments.strip():
        return Invalid("no_call", f"The reply held no {wanted}.")
    return completion.arguments
