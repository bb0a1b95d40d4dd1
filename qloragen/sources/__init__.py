"""Streams of articles from files, folders and iterables.

`read` is the way in (`read_paths` and `read_items` where it must not guess); out come `Article`s, and
`Skip`s that say why something is none.
The modules, from the outside in: `reading` (the whole way), `refine` (one unit's
way, with the table of policies), `files`, `hub`, `jsonl`, `columnar`, `objects`, `documents` (find and parse),
`clean`, `text`, `markup`, `html`, `page`, `render`, `verbatim` (clean), `gate`, `split`, `seen`, `sketch`, `near`
(decide).
"""

from .reading import Reading, Source, read, read_items, read_paths
from .split import estimate_tokens
from .values import Fields, Item, Options, Summary

__all__ = [
    "Fields",
    "Item",
    "Options",
    "Reading",
    "Source",
    "Summary",
    "estimate_tokens",
    "read",
    "read_items",
    "read_paths",
]
