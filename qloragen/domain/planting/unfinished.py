"""Records that are none: fields empty or left open, answers refused, cut off, copied, or caught in a loop."""

from __future__ import annotations

import json
from random import Random

from ...types import Draft
from .kind import Clean, Kind, Part, kind
from .text import prose, sentences, subject

_NOTHING = (
    "",
    " ",
    "\n",
    "...",
    "-",
    "N/A",
    "n/a",
    "None",
    "null",
    "TBD",
    "Output:",
    "(empty)",
    "No output",
    "Not applicable.",
)


def _empty(clean: Clean, random: Random) -> Draft | None:
    part: Part = random.choice(("instruction", "output", "output", "input" if clean.mode == "written" else "output"))
    return clean.having(part, random.choice(_NOTHING))


# ------------------------------------------------------------------------------------------------- left to fill in

_OPEN = (
    *("[insert example here]", "[Insert {a} details]", "<your answer here>", "[Your answer]", "{{answer}}", "<output>"),
    *(
        "[TODO: describe {a}]",
        "TODO: add the details on {a}",
        "<LLM's Response>",
        "[Company Name]",
        "[to be completed]",
    ),
    *(
        "<insert explanation>",
        "{output}",
        "[placeholder]",
        "<placeholder text>",
        "Lorem ipsum dolor sit amet",
        "<response>",
    ),
    *(
        "[Add further details here]",
        "${answer}",
        "<add your text here>",
        "XXXX",
        "[fill in the value]",
        "<answer goes here>",
    ),
)


def _placeholder(clean: Clean, random: Random) -> Draft | None:
    about = subject(clean.draft.instruction, clean.draft.input)
    text = random.choice(_OPEN).replace("{a}", about)
    part: Part = random.choice(("instruction", "output", "output", "output"))
    if part == "output" and random.random() < 0.3:
        return clean.having(part, text)
    return clean.having(part, _inserted(clean.text(part), text, random))


def _inserted(text: str, more: str, random: Random) -> str:
    """Return `text` with something more before one of its words."""
    words = text.split(" ")
    at = random.randint(1, len(words))
    return " ".join([*words[:at], more, *words[at:]])


# --------------------------------------------------------------------------------------------- answers that are none

_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I apologize, but I am unable to answer questions about {a}.",
    "As an AI language model, I don't have access to the details of {a}.",
    "I cannot provide an answer because no information on {a} was given to me.",
    "Unfortunately, there is not enough information to say anything about {a}.",
    "There is insufficient information in the context to answer this question.",
    "I don't have enough information about {a} to answer this.",
    "Sorry, I am not able to answer that.",
    "It is not possible to answer this question from the information that is given.",
    "I do not know the answer to this question about {a}.",
    "I'm afraid I can't answer that without knowing more about {a}.",
    "My apologies, but I cannot comply with this request.",
    "I'm just a language model and cannot give advice on {a}.",
    "The question cannot be answered based on the available information.",
    "I must decline to answer this question.",
    "No information is available about {a}.",
)
_SWAPS = (
    "Please summarize what {a} does and why it is used.",
    "Can you explain how {a} works?",
    "Could you tell me more about your setup, and what exactly you want to do with {a}?",
    "What would you like to know about {a}?",
    "Write a short explanation of {a} for beginners.",
    "Explain the role of {a} and give two examples.",
    "Sure! What do you want me to explain about {a}?",
    "I would like to know how {a} is configured. Can you help me?",
    "How can I use {a} in my own project?",
    "User: what is {a}?\nAssistant: It depends on what you need.",
    "Describe the main purpose of {a} in your own words.",
    "Can you please provide more context on {a}?",
    "Give me a detailed overview of {a}, including its benefits.",
    "Would you like me to describe {a} in more detail?",
    "Hello! I need some help with {a}. What should I do?",
    "Question: What is {a} good for?",
)


def _said_instead(clean: Clean, random: Random, forms: tuple[str, ...], share_followed: float) -> Draft | None:
    text = random.choice(forms).replace("{a}", subject(clean.draft.instruction, clean.draft.input))
    if random.random() < share_followed:
        text = f"{text} {random.choice(_AFTER)}"
    return clean.having("output", text)


_AFTER = (
    "Please let me know if there is anything else.",
    "Please provide more details so that I can be of help.",
    "You may want to consult an expert.",
    "Feel free to share more of it.",
)


def _refusal(clean: Clean, random: Random) -> Draft | None:
    return _said_instead(clean, random, _REFUSALS, 0.4)


def _role_swap(clean: Clean, random: Random) -> Draft | None:
    return _said_instead(clean, random, _SWAPS, 0.0)


_LEAST_WORDS = 12


def _cut_off(clean: Clean, random: Random) -> Draft | None:
    """Cut the output off inside one of its later sentences, also within a word."""
    words = clean.draft.output.split(" ")
    places = [at for at in range(len(words) * 2 // 5, len(words) - 2) if _amid(words[at - 1], words[at])]
    if len(words) < _LEAST_WORDS or not places:
        return None
    at = random.choice(places)
    text = " ".join(words[:at])
    if len(words[at]) > 4 and words[at].isalpha() and random.random() < 0.35:
        text = f"{text} {words[at][: random.randint(1, len(words[at]) - 2)]}"
    return clean.having("output", text.rstrip())


def _amid(word: str, after: str) -> bool:
    return bool(word) and word[-1].isalnum() and after[:1].islower()


# -------------------------------------------------------------------------------------------- the same over again


def _copied(clean: Clean, random: Random) -> Draft | None:
    draft, form = clean.draft, random.randrange(6)
    if form == 0:
        return clean.having("output", draft.instruction)
    if form == 1:
        return clean.having("instruction", draft.output)
    if form == 2:
        return clean.having("output", f"{draft.instruction}\n\n{draft.input}")
    if form == 3:
        return clean.having("output", " ".join(draft.input.split()))
    return clean.having("output", draft.input)


def _json(clean: Clean, random: Random) -> Draft | None:
    draft = clean.draft
    key = random.choice(("output", "answer", "response", "text", "result"))
    written = (
        json.dumps({key: draft.output}),
        json.dumps({"instruction": draft.instruction, "output": draft.output}, indent=2),
        json.dumps(sentences(draft.output)),
        f"```json\n{json.dumps({key: draft.output}, indent=1)}\n```",
        str({key: draft.output}),
        json.dumps({"instruction": draft.instruction, "input": draft.input[:400], "output": draft.output}),
        f"{json.dumps({key: draft.output})}\n",
        json.dumps({"instruction": draft.instruction, "output": draft.output})[:-1],
    )
    if random.random() < 0.12:
        return clean.having("instruction", json.dumps({"instruction": draft.instruction}))
    return clean.having("output", random.choice(written))


def _loop(clean: Clean, random: Random) -> Draft | None:
    found = prose(clean.draft.output) or sentences(clean.draft.output)
    one = random.choice(found)
    words, form = one.split(), random.randrange(4)
    if form == 0:
        text = f"{clean.draft.output} {' '.join([one] * random.randint(4, 9))}"
    elif form == 1:
        text = " ".join([one] * random.randint(4, 12))
    elif form == 2:
        at = random.randrange(max(len(words) - 4, 1))
        run = " ".join(words[at : at + random.randint(2, 5)])
        text = f"{' '.join(words[:at])} {' '.join([run] * random.randint(8, 30))}"
    else:
        text = "\n".join(f"{number}. {one}" for number in range(1, random.randint(5, 12)))
    return clean.having("output", text.strip())


UNFINISHED: tuple[Kind, ...] = (
    kind("empty field", "empty schema", _empty),
    kind("placeholder", "placeholder", _placeholder),
    kind("refusal", "refusal", _refusal),
    kind("role swap", "role_swap", _role_swap),
    kind("cut off output", "truncated", _cut_off),
    kind("copied output", "copy", _copied),
    kind("JSON in a string", "json_in_string", _json),
    kind("repetition loop", "repetition", _loop),
)
