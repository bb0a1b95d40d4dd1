"""How training data looks and is written: examples, forms of rows, containers of rows.

form = form_of("prompt-completion", system=None, prompt=Prompt(template))
with opened(Path("train.parquet"), "parquet", form.columns) as put:
    for example in examples(Path("runs/a")):
        if row := form.row(example):
            put(row)
"""

from .containers import CONTAINERS, Put, container_of, opened, rows_to
from .example import OWN, Example, ExportError, Holds, of_any
from .form import Column, Form, Row
from .forms import FORMS, form_of, tagged
from .openai_rules import OpenAiRules
from .prompt import Prompt
from .records import examples

__all__ = [
    "CONTAINERS",
    "FORMS",
    "OWN",
    "Column",
    "Example",
    "ExportError",
    "Form",
    "Holds",
    "OpenAiRules",
    "Prompt",
    "Put",
    "Row",
    "container_of",
    "examples",
    "form_of",
    "of_any",
    "opened",
    "rows_to",
    "tagged",
]
