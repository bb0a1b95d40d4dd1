"""The forms of English verbs and nouns, as far as other words for them need."""

from __future__ import annotations

_DOUBLING = frozenset(
    ("stop", "drop", "cut", "put", "get", "set", "begin", "run", "split", "let", "swap", "spot", "cap")
)
_PAST = {
    "run": "ran",
    "hold": "held",
    "keep": "kept",
    "make": "made",
    "get": "got",
    "send": "sent",
    "build": "built",
    "let": "let",
    "put": "put",
    "cut": "cut",
    "set": "set",
    "split": "split",
    "begin": "began",
    "choose": "chose",
    "pay": "paid",
    "lay": "laid",
    "bring": "brought",
    "feed": "fed",
    "find": "found",
    "give": "gave",
    "grow": "grew",
    "lead": "led",
    "go": "went",
    "read": "read",
    "see": "saw",
    "sit": "sat",
    "spread": "spread",
    "stand": "stood",
    "take": "took",
    "think": "thought",
    "understand": "understood",
    "come": "came",
    "break": "broke",
    "be": "was",
    "lose": "lost",
    "become": "became",
    "rise": "rose",
    "mean": "meant",
    "write": "wrote",
}


def verb_forms(verb: str) -> tuple[str, str, str, str]:
    """Return base, third person, past and -ing of a verb, which may have a particle."""
    base, _, particle = verb.partition(" ")
    rest = f" {particle}" if particle else ""
    stem = base + base[-1] if base in _DOUBLING else base.removesuffix("e")
    if base[-1] == "y" and base[-2] not in "aeou":
        third, past = f"{base[:-1]}ies", f"{base[:-1]}ied"
    else:
        third, past = f"{base}es" if base.endswith(("s", "sh", "ch", "x", "o")) else f"{base}s", f"{stem}ed"
    ing = f"{base}ing" if base.endswith("ee") or base == "be" else f"{stem}ing"
    return base + rest, third + rest, _PAST.get(base, past) + rest, ing + rest


def plural(noun: str) -> str:
    """Return the plural of a noun, or of the first word before `of`."""
    first, of, rest = noun.partition(" of ")
    if first.endswith("s"):
        return noun
    if first.endswith("y") and first[-2:-1] not in "aeou":
        return f"{first[:-1]}ies{of}{rest}"
    return f"{first}{'es' if first.endswith(('x', 'ch', 'sh')) else 's'}{of}{rest}"
