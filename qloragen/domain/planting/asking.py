"""The same question in other words, as different models and people ask it."""

from __future__ import annotations

from random import Random

from ...types import InstructionType
from .text import names, subject

_BY_EVIDENCE: dict[str | None, tuple[str, ...]] = {
    "code": (
        "What does the example with {a} do, and why is it written in that way?",
        "Walk through the listing that uses {a} and say what each part of it is for.",
        "A colleague does not understand the snippet around {a}; how would you explain it line by line?",
        "Which parts does the example for {a} consist of, and what is the job of each?",
    ),
    "caution": (
        "What should somebody be careful about when dealing with {a}, and how are the pitfalls avoided?",
        "Which drawbacks or dangers come with {a}, and when do they show?",
        "What can go wrong with {a}?",
        "Before relying on {a}, which limits does one have to know?",
    ),
    "option": (
        "What does {a} control, and which values make sense for it?",
        "How is {a} set, and what happens when it is left alone?",
        "Which defaults apply to {a}, and when should they be changed?",
        "Explain what {a} governs and what it accepts.",
    ),
    "pair": (
        "How does {a} compare with {b}, and when is one preferable to the other?",
        "What are the differences between {a} and {b}?",
        "In which respects do {a} and {b} differ, and where are they alike?",
        "Contrast {a} with {b}: what does each of them do better?",
    ),
    "steps": (
        "How does one get {a} going, step by step?",
        "List the steps that are needed for {a}, in the right order.",
        "What has to be done to set up {a}?",
        "Describe how to carry out the work on {a} from beginning to end.",
    ),
    None: (
        "What is the role of {a}, and what makes it matter?",
        "Explain what is known about {a} in a few sentences.",
        "How does {a} behave in practice?",
        "Why would somebody choose {a}, and what follows from that choice?",
        "Give a concise account of {a} and what depends on it.",
        "A newcomer asks about {a}. What are the main points to tell?",
        "Summarise the essential facts about {a}.",
        "What are the consequences of {a} for those who work with it?",
        "In what way does {a} help, and what does it need in return?",
    ),
}
_BEFORE = ("", "", "", "I have just started in this field. ", "Quick question: ", "For a talk to our team: ")


def asked_anew(instruction: str, context: str, type: InstructionType, random: Random) -> str:
    """Return another question about what `instruction` asks about, fit for the type."""
    about, known = subject(instruction, context), context.casefold()
    asked = [name for name in names(instruction) if name.casefold() in known]
    if type.shows == "pair" and asked:
        about = asked[0]
    other = next((name for name in (*asked, *names(context)) if name not in about and about not in name), "")
    forms = _BY_EVIDENCE.get(type.shows, _BY_EVIDENCE[None])
    if type.shows == "pair" and not other:
        return instruction
    form = random.choice(forms)
    return random.choice(_BEFORE) + form.replace("{a}", about).replace("{b}", other)
