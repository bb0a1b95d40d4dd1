"""Training files from the records of a run.

export(Path("runs/a"), Path("train.jsonl"), alpaca)
export(Path("runs/a"), Path("train.jsonl"), messages(system="Answer briefly."))
export(Path("runs/a"), None, text(pack.training_prompt))
"""

from .containers import CONTAINERS, Put, container_of, opened, rows_to
from .example import Example, ExportError, Holds, of_any
from .form import Column, Form, Row
from .forms import FORMS, form_of, tagged
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
