"""Print one whole record of a run, for reading: `python examples/show_record.py DIR`."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

WIDTH = 100


def last_complete(lines: Iterable[bytes]) -> Mapping[str, object] | None:
    """Return the last whole record; a run that is still writing may end in the middle of a line."""
    whole = [line for line in lines if line.endswith(b"\n") and line.strip()]
    record = json.loads(whole[-1]) if whole else None
    return record if isinstance(record, dict) else None


def provenance(record: Mapping[str, object]) -> str:
    """Return one line that says where the record comes from."""
    cost = record.get("cost_usd")
    parts = (
        record.get("type_slug"),
        record.get("title") or record.get("article_id"),
        record.get("model"),
        f"input: {record.get('input_mode')}",
        "cost unknown" if cost is None else f"{cost} USD",
    )
    return " · ".join(str(part) for part in parts)


def readable(record: Mapping[str, object]) -> str:
    """Return the record as paragraphs; code and other indented lines stay as they are."""
    blocks = [provenance(record)]
    for name in ("instruction", "input", "output"):
        lines = [part for line in str(record[name]).splitlines() for part in wrapped(line)]
        blocks.append("\n".join([name.upper(), *(f"  {line}".rstrip() for line in lines)]))
    return "\n\n".join(blocks)


def wrapped(line: str) -> list[str]:
    """Return `line` in pieces of the page's width, without anything that a terminal would obey."""
    line = "".join(sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in line)
    return [line] if line.startswith((" ", "\t", "|")) else textwrap.wrap(line, WIDTH) or [""]


def main(folder: str) -> int:
    """Print a record of the run in `folder`; return the exit status."""
    try:
        with (Path(folder) / "records.jsonl").open("rb") as lines:
            record = last_complete(lines)
    except OSError as error:
        print(f"There is no run in {folder}: {error.strerror}", file=sys.stderr)
        return 2
    if record is None:
        print(f"The run in {folder} has no records yet.", file=sys.stderr)
        return 1
    print(f"\n{'─' * WIDTH}\n{readable(record)}\n{'─' * WIDTH}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "out"))
