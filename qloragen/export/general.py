"""General instruction data, as others publish it: Alpaca, chats, prompt and completion; as JSON or Parquet.

Of what form a line is, its fields say, line by line: `messages` or `conversations`; else `instruction` and `output`,
with `input`, `system` and `history` where they are there; else `prompt` and `completion`. A field that is null is not
there. A line of none of these forms shows that the file is another one than was meant, and is an error; a line of a
form that holds no example to learn from (a call of a tool, a chat whose last word is the user's) is left out with a
reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from .example import Example, ExportError, Turn
from .general_rows import Found, rows_of

NO_ANSWER = "the last word is not the assistant's"
DISORDER = "turns out of order"
TOOLS = "calls of tools"
NO_TEXT = "not text"
EMPTY = "an empty turn"
GARBLED = "half a character"

_Role = Literal["system", "user", "assistant", "tool"]
_ROLES: Mapping[object, _Role] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "chatgpt"), "assistant"),
    **dict.fromkeys(("tool", "function", "function_call", "function_response", "observation"), "tool"),
}
_FIELDS = ("messages", "conversations", "instruction", "input", "output", "system", "history", "prompt", "completion")


class LeftOut(NamedTuple):
    """A line that holds no example to learn from."""

    reason: str


class _OddError(ValueError):
    """Says why a line is left out."""


_Said = tuple[_Role, str]


class _Draft(NamedTuple):
    said: list[_Said]
    """Turns in their order; a system message, if any, comes first."""
    input: str = ""


def general_examples(file: Path, tag: str) -> Iterator[Example | LeftOut]:
    """Yield what the lines of a file of general data hold, in their order; blank ones hold nothing.

    A file is lines of JSON or one JSON array, each also with `.gz` or `.zst`, or Parquet (`.parquet`, needs the extra
    `parquet`). Of a chat the last turn is the output and the one before it the instruction. The id of an example is
    `TAG:LINE`, its source `tag`.

    Raises:
        ExportError: The file cannot be read, or a line is no general data.
    """
    for found in rows_of(file, _FIELDS):
        try:
            yield _example(_draft(found), f"{tag}:{found.number}", tag)
        except _OddError as odd:
            yield LeftOut(str(odd))


def _draft(found: Found) -> _Draft:
    match {name: value for name, value in found.row.items() if value is not None}:
        case {"messages": list(turns)} | {"conversations": list(turns)} as row:
            return _Draft([*_system(row), *map(_turn, turns)])
        case {"instruction": instruction, "output": output} as row:
            said = [*_history(row.get("history", [])), ("user", _text(instruction)), ("assistant", _text(output))]
            return _Draft([*_system(row), *said], _text(row.get("input", "")))
        case {"prompt": list(prompt), "completion": list(completion)}:
            return _Draft([*map(_turn, prompt), *map(_turn, completion)])
        case {"prompt": prompt, "completion": completion}:
            return _Draft([("user", _text(prompt)), ("assistant", _text(completion))])
    there = ", ".join(repr(name)[:40] for name in list(found.row)[:8]) or "nothing"
    raise ExportError(
        f"{found.where} is no general data, which has messages, conversations, instruction and output, or prompt and "
        f"completion, but has {there}: rename its fields, or name another file."
    )


def _system(row: Mapping[str, object]) -> list[_Said]:
    said = _text(row.get("system", ""))
    return [("system", said)] if said.strip() else []


def _history(pairs: object) -> Iterator[_Said]:
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        match pair:
            case [question, answer]:
                yield "user", _text(question)
                yield "assistant", _text(answer)
            case _:
                raise _OddError(DISORDER)


def _turn(turn: object) -> _Said:
    match turn:
        case {"tool_calls": [_, *_]} | {"function_call": {}}:
            raise _OddError(TOOLS)
        case {"role": role, "content": content} | {"from": role, "value": content}:
            known = _ROLES.get(role) if isinstance(role, str) else None
        case _:
            raise _OddError(NO_TEXT)
    if known is None:
        raise _OddError(DISORDER)
    if known == "tool":
        raise _OddError(TOOLS)
    return known, _text(content)


def _text(content: object) -> str:
    """Return a text, also one that is given in parts of text."""
    match content:
        case str():
            return _whole(content)
        case [_, *_]:
            return "".join(_part(part) for part in content)
        case _:
            raise _OddError(NO_TEXT)


def _part(part: object) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return _whole(text)
        case _:
            raise _OddError(NO_TEXT)


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no file could hold
        raise _OddError(GARBLED) from None
    return text


def _example(draft: _Draft, name: str, tag: str) -> Example:
    has_system = bool(draft.said) and draft.said[0][0] == "system"
    turns = draft.said[has_system:]
    if not turns or turns[-1][0] != "assistant":
        raise _OddError(NO_ANSWER)
    if any(role != ("user", "assistant")[at % 2] for at, (role, _) in enumerate(turns)):
        raise _OddError(DISORDER)
    if not all(text.strip() for _, text in turns):
        raise _OddError(EMPTY)
    earlier = tuple(Turn("assistant" if at % 2 else "user", text) for at, (_, text) in enumerate(turns[:-2]))
    return Example(
        instruction=turns[-2][1],
        input=draft.input,
        output=turns[-1][1],
        id=name,
        system=draft.said[0][1] if has_system else "",
        earlier=earlier,
        source=tag,
    )
