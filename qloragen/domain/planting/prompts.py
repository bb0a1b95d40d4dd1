"""Records that speak of how they were made: of the prompt, of the article, of paragraphs by number."""

from __future__ import annotations

import re
from random import Random

from ...types import Draft
from .kind import Clean, Kind, Part, kind
from .text import lowered, prose, sentences, subject

# ---------------------------------------------------------------------------------------------------- of the prompt


def _echo(clean: Clean, random: Random) -> Draft | None:
    """Repeat the name or the guidance of the type in place of a question."""
    wanted, guidance = clean.type, " ".join(clean.type.guidance.split())
    name, first = random.choice((wanted.name, wanted.name, *wanted.aliases)), sentences(guidance)[0]
    forms = (
        name,
        f"{name}.",
        f"{name}: {lowered(first)}",
        f"Please {lowered(name)}.",
        first,
        guidance,
        name.upper(),
        f"**{name}**",
        f"Instruction: {name}",
        f"{name} in the article",
        " ".join(sentences(guidance)[-2:]),
    )
    return clean.having("instruction", random.choice(forms))


_LEAST_CHARS = 45


def _leak(clean: Clean, random: Random) -> Draft | None:
    pack = clean.pack
    texts = (pack.generate.system, pack.generate.closing, *pack.input_rules.values(), clean.type.guidance)
    rules = [
        rule
        for text in texts
        for rule in sentences(
            re.sub(r"(?m)^- ", "", pack.fill(text, name=clean.type.name, guidance="", input_rules=""))
        )
        if len(rule) >= _LEAST_CHARS
    ]
    rule = random.choice(rules)
    part: Part = random.choice(("instruction", "output", "output"))
    text = clean.text(part)
    forms = (f"{text} {rule}", f"{rule} {text}", f"{text}\n\n{rule}", f"Rules: {rule}\n{text}")
    return clean.having(part, random.choice(forms))


_NUMBERED = (
    " [{n}]",
    " [{n}, {m}]",
    " [[{n}]]",
    " (paragraph {n})",
    " (see paragraph {n})",
    " [{n}][{m}]",
    " (paragraphs {n} and {m})",
    " (evidence: {n}, {m})",
)
_BY_NUMBER = (
    "As paragraph {n} says, ",
    "According to paragraph {n}, ",
    "Based on paragraphs {n} and {m}, ",
    "[{n}] ",
    "In paragraph [{n}], ",
)


def _paragraph_number(clean: Clean, random: Random) -> Draft | None:
    first = random.randint(1, 30)
    part: Part = random.choice(("instruction", "output", "output", "output"))
    text = clean.text(part)

    def numbered(form: str) -> str:
        return form.replace("{n}", str(first)).replace("{m}", str(first + random.randint(1, 4)))

    if random.random() < 0.35:
        return clean.having(part, numbered(random.choice(_BY_NUMBER)) + lowered(text))
    end = text[-1] if text[-1] in ".?!" else ""
    return clean.having(part, text[: len(text) - len(end)] + numbered(random.choice(_NUMBERED)) + end)


# --------------------------------------------------------------------------------------------------- of the article

_ASKED = (
    "According to the article, {q}",
    "Based on the provided text, {q}",
    "{p}, as described in the article?",
    "What does the author say about {a}?",
    "Summarize the section about {a}.",
    "What is the main message of the passage on {a}?",
    "What does this article tell the reader about {a}?",
    "In the context of the given document, {q}",
    "Which points about {a} are mentioned in the text?",
    "How does the article describe {a}?",
    "Explain {a} as presented in this blog post.",
    "What does the excerpt say regarding {a}?",
    "List the caveats noted in the article for {a}.",
    "Based on the information provided in the context, {q}",
    "What does the author recommend concerning {a}?",
    "What can be learned from this tutorial about {a}?",
    "{p} according to the author?",
    "From the paragraph above, {q}",
)
_TOLD = (
    "The article explains that {s}",
    "According to the article, {s}",
    "The author states that {s}",
    "As mentioned in the text, {s}",
    "The passage describes how {s}",
    "Based on the provided context, {s}",
    "This section discusses {a}. {S}",
    "The text notes that {s}",
    "In this article, the author discusses {a}. {S}",
    "The document points out that {s}",
    "As stated in the article, {s}",
    "The given context says that {s}",
    "As the blog post puts it, {s}",
    "The provided passage makes clear that {s}",
)
_TOLD_AFTER = (
    " The article also mentions further details on {a}.",
    " This is discussed in more detail in the article.",
    " The author concludes that {a} is worth it.",
    " All of this is taken from the text.",
    " Further information can be found in the section on {a}.",
)


def _talk_in_instruction(clean: Clean, random: Random) -> Draft | None:
    asked = clean.draft.instruction
    values = {
        "{q}": lowered(asked),
        "{p}": asked.rstrip("?. "),
        "{a}": subject(asked, clean.draft.input),
    }
    return clean.having("instruction", _filled(random.choice(_ASKED), values))


def _talk_in_output(clean: Clean, random: Random) -> Draft | None:
    output, about = clean.draft.output, subject(clean.draft.instruction, clean.draft.input)
    if random.random() < 0.3:
        return clean.having("output", output + _filled(random.choice(_TOLD_AFTER), {"{a}": about}))
    return clean.having("output", _filled(random.choice(_TOLD), {"{s}": lowered(output), "{S}": output, "{a}": about}))


def _filled(form: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        form = form.replace(name, value)
    return form


# ------------------------------------------------------------------------------------------- out of what came before

_DANGLING = (
    "What does it do, and why is it needed?",
    "How does this work?",
    "Explain the above in your own words.",
    "What are the benefits of using it?",
    "Why is that important?",
    "How do these two differ?",
    "What happens in this case?",
    "What does this code do?",
    "Describe this feature and how it is used.",
    "What should I do to fix this?",
    "What are the main steps in this process?",
    "How can they be configured?",
    "Which of them should be used, and when?",
    "What are its main limitations?",
    "Summarize the key points.",
    "What does the following code do?",
    "What is the purpose of the command shown above?",
    "Explain how it is set up and what it costs.",
    "What problem does this solve?",
    "Can you give an example of this?",
    "What is the default value of this option?",
    "How are these related to each other?",
)


def _dangling(clean: Clean, random: Random) -> Draft | None:
    return clean.having("instruction", random.choice(_DANGLING)) if prose(clean.draft.output) else None


PROMPTS: tuple[Kind, ...] = (
    kind("prompt echo", "prompt_echo", _echo),
    kind("prompt leak", "prompt_leak", _leak),
    kind("paragraph number", "paragraph_number", _paragraph_number),
    kind("article talk in the instruction", "article_talk", _talk_in_instruction),
    kind("article talk in the output", "article_talk", _talk_in_output),
    kind("dangling instruction", "dangling", _dangling),
)
