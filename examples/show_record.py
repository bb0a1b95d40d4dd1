"""Print one whole record of a run, for reading, and how many were refused: `python examples/show_record.py DIR`.

Of the accepted ones it is the last of those with the least to find fault with. Where there are none, the last one that
was refused is shown, with the reasons.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

WIDTH = 100


Line = Mapping[str, object]


def lines_of(file: Path) -> Iterator[Line]:
    """Yield what whole lines hold; a run that is still writing may end in the middle of one."""
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n") and line.strip():
                yield json.loads(line)


def refused(journal: Iterable[Line]) -> Iterator[tuple[Line, str]]:
    """Yield each record that was given up for good, with the last reply that there was to it."""
    said: dict[object, str] = {}
    for line in journal:
        if line["t"] == "reply" and line["stage"] == "generate":
            said[line["k"]] = answer(str(line["body"]))
        elif line["t"] == "rejection" and line["k"] in said:
            yield line, said[line["k"]]


def answer(body: str) -> str:
    """Return what a model answered: the arguments of the function that it called, or else its words."""
    message = json.loads(body)["choices"][0]["message"]
    calls = message.get("tool_calls") or ()
    return str(calls[0]["function"]["arguments"] if calls else message.get("content"))


def provenance(record: Line) -> str:
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


def spared(record: Line, lenient: Collection[str]) -> list[str]:
    """Return the codes for which the record would have been refused, had the run not been told to note them only."""
    quality = record.get("quality")
    return [code for code in quality["flags"] if code in lenient] if isinstance(quality, dict) else []


def only_noted(folder: Path) -> set[str]:
    """Return the codes of the checks that the run was told to note only."""
    actions = json.loads((folder / "run.json").read_bytes())["settings"]["checks"]["actions"]
    return {code for code, action in actions.items() if action == "flag"}


def readable(record: Line, faults: Sequence[str]) -> str:
    """Return the record as paragraphs; code and other indented lines stay as they are."""
    blocks = [provenance(record)]
    for name in ("instruction", "input", "output"):
        lines = [part for line in str(record[name]).splitlines() for part in wrapped(line)]
        blocks.append("\n".join([name.upper(), *(f"  {line}".rstrip() for line in lines)]))
    if faults:
        blocks.append(f"NOTED ONLY, OF A REAL MODEL A REASON TO REFUSE THE RECORD\n  {', '.join(faults)}")
    return "\n\n".join(blocks)


def unfit(rejection: Line, said: str) -> str:
    """Return a refused record as paragraphs, with what the checks say of it."""
    about = " · ".join(str(rejection[name]) for name in ("type_slug", "article_id", "model"))
    parts = (about, "REFUSED", f"  {rejection['reason']}: {rejection['detail']}", "REPLY", said)
    return "\n\n".join("\n".join(piece for line in part.splitlines() for piece in wrapped(line)) for part in parts)


def wrapped(line: str) -> list[str]:
    """Return `line` in pieces of the page's width, without anything that a terminal would obey."""
    line = "".join(sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in line)
    return [line] if line.startswith((" ", "\t", "|")) else textwrap.wrap(line, WIDTH) or [""]


def ending(faults: Sequence[Sequence[str]], rejections: Sequence[Line]) -> str:
    """Return a line with how many records there are, and how many were refused for what."""
    reasons = Counter(str(line["reason"]) for line in rejections)
    listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    tolerated = sum(map(bool, faults))
    accepted = f"{len(faults)} accepted" + (f" ({tolerated} of them with reasons to refuse them)" if tolerated else "")
    return f"records: {accepted}, {len(rejections)} refused" + (f" ({listed})" if listed else "")


def main(folder: str) -> int:
    """Print a record of the run in `folder`; return the exit status."""
    try:
        accepted = list(lines_of(Path(folder) / "records.jsonl"))
        rejections = list(refused(lines_of(Path(folder) / "journal.jsonl")))
        lenient = only_noted(Path(folder))
    except OSError as error:
        print(f"There is no run in {folder}: {error.strerror}", file=sys.stderr)
        return 2
    if not accepted and not rejections:
        print(f"The run in {folder} has no records yet.", file=sys.stderr)
        return 1
    faults = [spared(record, lenient) for record in accepted]
    best = min(range(len(accepted)), key=lambda place: (len(faults[place]), -place), default=0)
    shown = readable(accepted[best], faults[best]) if accepted else unfit(*rejections[-1])
    print(f"\n{'─' * WIDTH}\n{shown}\n{'─' * WIDTH}")
    print(ending(faults, [line for line, _ in rejections]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "out"))
