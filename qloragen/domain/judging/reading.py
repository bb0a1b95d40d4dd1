"""Make verdicts of a judge's reply, or say what is wrong with it; ordinary code, and strict."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ...judgement import Verdict
from ...types import Completion, Draft, Invalid
from ..structured import structured
from .text import is_quoted

MAX_ARGUMENTS_CHARS = 20_000
"""Longer arguments are not even parsed."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    quote: str
    yes: bool


_ANSWERS = TypeAdapter(dict[str, _Answer])


def read(
    completion: Completion, questions: Collection[str], draft: Draft, article: str
) -> Mapping[str, Verdict] | Invalid:
    """Return the answers of a reply about `draft` by question; never raises, whatever the reply holds.

    A no needs words of the record or the article to show for it.
    """
    wanted = "judgement in the required form; return one, with all its answers"
    arguments = structured(completion, shorter="write shorter quotes", wanted=wanted)
    if isinstance(arguments, Invalid):
        return arguments
    answers = _answers(arguments, questions)
    if isinstance(answers, Invalid):
        return answers
    texts = (draft.instruction, draft.input, draft.output, article)
    unfounded = [name for name, one in answers.items() if not one.yes and not is_quoted(one.quote, *texts)]
    if unfounded:
        listed = ", ".join(f"`{name}`" for name in unfounded)
        return Invalid(
            "quote",
            f"The quote for the answer no to {listed} stands neither in the record nor in the article; copy the words "
            "that are wrong, or that ask for what is missing, exactly.",
        )
    return {name: Verdict(answers[name].yes, answers[name].quote) for name in questions}


def _answers(arguments: str, questions: Collection[str]) -> dict[str, _Answer] | Invalid:
    if len(arguments) > MAX_ARGUMENTS_CHARS:
        return Invalid("schema", f"The arguments are longer than {MAX_ARGUMENTS_CHARS} characters.")
    try:
        answers = _ANSWERS.validate_json(arguments)
    except ValidationError:
        return Invalid("schema", "The arguments are not of the required form: a quote, and true or false, a question.")
    if missing := [name for name in questions if name not in answers]:
        return Invalid("schema", f"There is no answer to {', '.join(missing)}.")
    if len(answers) > len(questions):
        return Invalid("schema", "There are answers to questions that nobody asked.")
    return answers
