"""Training files from the records of a run.

export(Path("runs/a"), Path("train.jsonl"), alpaca)
export(Path("runs/a"), Path("train.jsonl"), messages(system="Answer briefly."))
export(Path("runs/a"), None, text(pack.training_prompt))
"""

from .alpaca import alpaca
from .chat import messages
from .example import Example, ExportError, Holds, of_any
from .records import examples
from .text import text
from .write import ExportSummary, Shape, export

__all__ = [
    "Example",
    "ExportError",
    "ExportSummary",
    "Holds",
    "Shape",
    "alpaca",
    "examples",
    "export",
    "messages",
    "of_any",
    "text",
]
