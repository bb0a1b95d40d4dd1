"""How training data looks and is written: examples, forms of rows, containers of rows.

form = form_of("prompt-completion", system=None, prompt=Prompt(template))
with opened(Path("train.parquet"), "parquet", form.columns) as put:
    for example in examples(Path("runs/a")):
        if row := form.row(example):
            put(row)
"""

from .containers import CONTAINERS, Put, container_of, opened, rows_to
from .example import Example, ExportError, Holds, of_any
from .form import Column, Form, Row
from .forms import FORMS, form_of, tagged
from .openai_rules import OpenAiRules
from .prompt import Prompt
from .records import examples
from .shapes import alpaca, messages, text
from .write import ExportSummary, Shape, export

__all__ = [
    "CONTAINERS",
    "FORMS",
    "Column",
    "Example",
    "ExportError",
    "ExportSummary",
    "Form",
    "Holds",
    "OpenAiRules",
    "Prompt",
    "Put",
    "Row",
    "Shape",
    "alpaca",
    "container_of",
    "examples",
    "export",
    "form_of",
    "messages",
    "of_any",
    "opened",
    "rows_to",
    "tagged",
    "text",
]
