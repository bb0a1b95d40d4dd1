"""What `qloragen export RUN --split ... --out FOLDER` has written, as prompts and completions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple

from datasets import Dataset, DatasetDict, load_dataset
from transformers import BatchEncoding, PreTrainedTokenizerBase

Message = Mapping[str, str]
Text = str | Sequence[Message]
"""A string, or messages of a chat, which the tokenizer's template makes one of."""
Row = Mapping[str, Text]

CONTEXT = re.compile(r"^### Context:\n.*\n(?=### Response:\n\Z)", re.DOTALL | re.MULTILINE)
"""The context in a prompt of the default pack's template."""


class Spelled(NamedTuple):
    """An example as the model reads it."""

    prompt: str
    answer: str
    ending: str
    """What follows the answer: the template's end marker, if it has one, and the end-of-sequence token."""

    @property
    def whole(self) -> str:
        return self.prompt + self.answer + self.ending


def load_splits(folder: Path) -> DatasetDict:
    """Return the splits of an exported folder, of the formats prompt-completion or messages, as columns `prompt` and
    `completion`: what TRL trains on the completion of.

    Raises:
        SystemExit: It is something else.
    """
    if not folder.is_dir():
        raise SystemExit(f"There is no folder {folder}; qloragen export RUN --split 80/10/10 --out {folder} makes one.")
    splits = load_dataset(str(folder))
    for name in ("train", "validation", "test"):
        if name not in splits:
            raise SystemExit(f"{folder} has no split {name}; export it with --split 80/10/10.")
    columns = set(splits["train"].column_names)
    if {"prompt", "completion"} <= columns:
        return splits.select_columns(["prompt", "completion"])
    if "messages" in columns:
        return splits.map(_of_messages, remove_columns=sorted(columns))
    raise SystemExit(f"{folder} has the columns {sorted(columns)}; export with --format prompt-completion or messages.")


def _of_messages(row: Mapping[str, Sequence[Message]]) -> Row:
    return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}


def fitting(rows: Dataset, tokenizer: PreTrainedTokenizerBase, most: int) -> Dataset:
    """Return the rows of at most so many tokens: cut off, they would teach answers without an end.

    Raises:
        SystemExit: There are none.
    """
    fits = rows.filter(lambda row: len(tokens(tokenizer, spelled(row, tokenizer).whole)["input_ids"]) <= most)
    if len(fits) < len(rows):
        print(f"left out for having more than {most} tokens: {len(rows) - len(fits)} of {len(rows)} examples")
    if not len(fits):
        raise SystemExit(f"No example has {most} tokens or less; raise --max-length.")
    return fits


def spelled(row: Row, tokenizer: PreTrainedTokenizerBase, marker: str = "") -> Spelled:
    """Return an example as text; `marker` is what the completion ends with besides its answer.

    Raises:
        SystemExit: The tokenizer's template for chats does not say what the assistant says as it is.
    """
    prompt, completion = row["prompt"], row["completion"]
    end = tokenizer.eos_token
    if isinstance(completion, str):
        return Spelled(str(prompt), completion.removesuffix(end).removesuffix(marker), marker + end)
    whole = tokenizer.apply_chat_template([*prompt, *completion], tokenize=False)
    answer = completion[0]["content"].strip()
    before, found, after = whole.rpartition(answer)
    if not found:
        raise SystemExit("The model's chat template changes answers; export with --format prompt-completion.")
    return Spelled(before, answer, after.partition(end)[0] + end if end in after else after)


def tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> BatchEncoding:
    """Return the tokens of a text, with their places in it. A chat's template has put in what is to go before it."""
    chat = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    return tokenizer(text, add_special_tokens=not chat, return_offsets_mapping=True)


def closed_book(prompt: Text) -> Text:
    """Return a prompt without the context that the answer rests on: the section of the default template, or what
    follows the first blank line of what the user says."""
    if isinstance(prompt, str):
        return CONTEXT.sub("", prompt)
    *before, last = prompt
    return [*before, {**last, "content": last["content"].partition("\n\n")[0]}]


def end_marker(splits: DatasetDict, end: str) -> str:
    """Return the lines with which all completions end, such as `### End` and what separates it from the answer, without
    the end-of-sequence token `end`, which an export can have put there. One split alone may be a single answer."""
    every = (completion for rows in splits.values() for completion in rows["completion"])
    texts = [completion.removesuffix(end) for completion in every if isinstance(completion, str)]
    ending = commonprefix([text[::-1] for text in texts])[::-1]  # noqa: RUF071 - by character is what is wanted
    return ending[ending.index("\n") :] if "\n" in ending else ""
