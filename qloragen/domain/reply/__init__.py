"""The reader of classification replies: from what a model said to the numbers of instruction types.

From the outside in: `reading` (the whole way), `text` (which part of a reply is the answer), `jsonish` and `objects`
(answers in JSON), `prose` (answers in words), `claims`, `clauses`, `items`, `names`, `tokens`, `words`.
"""

from .reading import TypeAnswer, read_types

__all__ = ["TypeAnswer", "read_types"]
