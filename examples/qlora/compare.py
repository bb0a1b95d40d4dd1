"""Compare a model with what it has become by tuning, on articles that it has not been tuned on.

Run: python examples/qlora/compare.py DATASET ADAPTER [--answers N] [--out FILE]

The test split of DATASET is put to both: open-book, with the context that the answer rests on, as in training, and
closed-book, without it. A table says how unexpected the reference answers are to them, and how they answer by
themselves; these answers stand below it, side by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from data import Spelled, closed_book, end_marker, load_splits, spelled
from datasets import disable_progress_bars
from measure import Answer, Losses, answers, losses, overlap
from model import best_place, load_quantised, load_tokenizer
from peft import PeftConfig, PeftModel
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging

Books = Mapping[str, Sequence[Spelled]]
"""The examples of the test split by how they are asked: open-book and closed-book."""


class Column(NamedTuple):
    """What one model has come to, asked in one way."""

    name: str
    losses: Losses
    answers: Sequence[Answer]


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    disable_progress_bars()
    logging.disable_progress_bar()
    tokenizer = load_tokenizer(str(options.adapter))
    model = load_tuned(options.adapter, options.model)
    books, marker = books_of(options.dataset, tokenizer)
    chosen = spread(len(books["open-book"]), options.answers)
    columns = list(compared(model, tokenizer, books, chosen, options.max_tokens))
    references = [books["open-book"][place] for place in chosen]
    report = "\n".join([*table(columns, books, references, marker), *side_by_side(columns, references, marker)])
    (options.out or options.adapter / "comparison.md").write_text(report + "\n", "utf-8")
    print(report)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("adapter", type=Path, help="what train.py has written")
    parser.add_argument("--model", help="name or folder of the base; the one that the adapter names, if left out")
    parser.add_argument("--answers", type=int, default=8, help="how many of the examples the models answer (8)")
    parser.add_argument("--max-tokens", type=int, default=192, help="most tokens of an answer (192)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown; ADAPTER/comparison.md, if left out")
    return parser.parse_args(arguments)


def load_tuned(adapter: Path, base: str | None) -> PeftModel:
    """Return the model with its adapter, which can be switched off. On a CPU the four bits are spread out to numbers of
    the same value, for it would do that again for every token."""
    place = best_place()
    name = base or PeftConfig.from_pretrained(str(adapter)).base_model_name_or_path
    model = load_quantised(name, place)
    if place.device == "cpu":
        model = model.dequantize(dtype=place.dtype)
    return PeftModel.from_pretrained(model, str(adapter)).eval()


def books_of(dataset: Path, tokenizer: PreTrainedTokenizerBase) -> tuple[Books, str]:
    """Return the test split in both ways, and the marker that its answers end with. The prompts of a template of your
    own may hold no context that can be found; then there is one way only."""
    splits = load_splits(dataset)
    rows = splits["test"]
    marker = end_marker(splits, tokenizer.eos_token)
    opened = [spelled(row, tokenizer, marker) for row in rows]
    closed = [spelled({**row, "prompt": closed_book(row["prompt"])}, tokenizer, marker) for row in rows]
    return ({"open-book": opened} if closed == opened else {"open-book": opened, "closed-book": closed}), marker


def spread(count: int, wanted: int) -> Sequence[int]:
    """Return up to so many places among `count` that lie as far apart as can be."""
    return sorted({place * count // wanted for place in range(wanted)})


def compared(
    model: PeftModel, tokenizer: PreTrainedTokenizerBase, books: Books, chosen: Sequence[int], most: int
) -> Iterator[Column]:
    """Yield what the base and the tuned model come to: their losses over all examples, their answers to those at the
    chosen places, of `most` tokens at most."""
    for book, examples in books.items():
        prompts = [examples[place].prompt for place in chosen]
        for name, adapter in (("base", model.disable_adapter), ("tuned", nullcontext)):
            with adapter():
                said = list(answers(model, tokenizer, prompts, most))
                yield Column(f"{name}, {book}", losses(model, tokenizer, examples), said)


def table(columns: Sequence[Column], books: Books, references: Sequence[Spelled], marker: str) -> Iterator[str]:
    """Yield the lines of a Markdown table with a column for each model and way of asking."""
    count, some = len(books["open-book"]), len(references)
    words = [
        mean(
            overlap(said.text.removesuffix(marker), wanted.answer)
            for said, wanted in zip(column.answers, references, strict=True)
        )
        for column in columns
    ]
    rows = {
        f"loss per token of the answer ({count} answers)": [f"{column.losses.answer:.3f}" for column in columns],
        "loss per token of the ending": [f"{column.losses.ending:.3f}" for column in columns],
        f"answers that say something, and end (of {some})": [
            f"{sum(said.ended and bool(said.text.removesuffix(marker).strip()) for said in column.answers)}"
            for column in columns
        ],
        f"words shared with the reference (F1, {some} answers)": [f"{share:.2f}" for share in words],
        "tokens of an answer, on average": [
            f"{mean(said.tokens for said in column.answers):.0f}" for column in columns
        ],
    }
    yield f"| | {' | '.join(column.name for column in columns)} |"
    yield f"| --- | {' | '.join('---:' for _ in columns)} |"
    for name, cells in rows.items():
        yield f"| {name} | {' | '.join(cells)} |"


def side_by_side(columns: Sequence[Column], references: Sequence[Spelled], marker: str) -> Iterator[str]:
    """Yield the lines that show what each model has answered."""
    for place, reference in enumerate(references):
        yield f"\n## {question(reference.prompt)}\n"
        yield quoted("reference", reference.answer)
        for one in columns:
            said = one.answers[place]
            yield quoted(f"{one.name}{'' if said.ended else ', stopped'}", said.text.removesuffix(marker))


def question(prompt: str) -> str:
    """Return the first line that asks something, without the marks of templates and chats."""
    lines = [line for line in prompt.splitlines() if line and not line.startswith(("###", "<|", "You are"))]
    return lines[0] if lines else prompt


def quoted(name: str, text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join([f"**{name}:**", "", *(f"> {line}" for line in lines), ""])


if __name__ == "__main__":
    main()
