"""Prompt and completion apart, as TRL reads them to train on the answer only."""

from __future__ import annotations

from .example import Example, ExportError
from .form import Form, Row
from .prompt import Prompt


def prompt_completion(prompt: Prompt) -> Form:
    """Return the form with the columns `prompt` and `completion`, which together are the text of `text`.

    The prompt ends with a line end and the completion begins without white space, so that a tokenizer puts a border
    between them whether it reads them apart or together; TRL warns where it does not. TRL also appends the
    end-of-sequence token to completions without it. General data with earlier turns does not fit, nor does an example
    without an answer.

    Raises:
        ExportError: The answer does not begin a line of the template.
    """
    if not prompt.ends_line:
        raise ExportError(
            f"{prompt.name} has other text before ${{output}} on its line, where prompt and completion cannot be cut "
            "without changing tokens; begin a line with ${output}, or export as text."
        )

    def row(example: Example) -> Row | None:
        if example.earlier or not example.output:
            return None
        return {"prompt": prompt.head(example), "completion": prompt.tail(example)}

    return Form("prompt-completion", {"prompt": "text", "completion": "text"}, row)
