"""What a model makes of examples: the loss of given answers, and answers of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import torch
from data import Spelled, tokens
from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Losses(NamedTuple):
    """Mean of the negative log likelihood over all tokens, in nats."""

    answer: float
    """Of the answers' own tokens."""
    ending: float
    """Of the end marker's tokens and the end-of-sequence token."""


class Answer(NamedTuple):
    """What a model has answered."""

    text: str
    tokens: int
    ended: bool
    """Whether it has said the end-of-sequence token, and has not been stopped."""


def losses(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Spelled]) -> Losses:
    """Return how unexpected the examples' answers are to the model."""
    answer, ending = zip(*(of_tokens(model, tokenizer, example) for example in examples), strict=True)
    return Losses(float(torch.cat(answer).mean()), float(torch.cat(ending).mean()))


def of_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, example: Spelled
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the losses of the tokens that begin in the answer, and of those that begin in the ending."""
    read = tokens(tokenizer, example.whole)
    ids = torch.tensor([read["input_ids"]], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").cpu()
    begins = torch.tensor([begin for begin, _ in read["offset_mapping"]])[1:]
    answer = len(example.prompt)
    ending = answer + len(example.answer)
    return loss[(begins >= answer) & (begins < ending)], loss[begins >= ending]


def answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], most: int, batch: int = 8
) -> Iterator[Answer]:
    """Yield the model's most likely answers to prompts, of `most` tokens at most."""
    for start in range(0, len(prompts), batch):
        some = prompts[start : start + batch]
        chat = tokenizer.bos_token is not None and some[0].startswith(tokenizer.bos_token)
        asked = tokenizer(some, return_tensors="pt", padding=True, add_special_tokens=not chat).to(model.device)
        with torch.inference_mode():
            said = model.generate(**asked, max_new_tokens=most, do_sample=False)[:, asked["input_ids"].shape[1] :]
        ends = {tokenizer.eos_token_id, *ends_of(model)}
        yield from (read_answer(tokenizer, row.tolist(), ends) for row in said)


def ends_of(model: PreTrainedModel) -> Sequence[int]:
    """Return the tokens that end what the model says; those of chats can have one of their own."""
    ends = model.generation_config.eos_token_id
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def read_answer(tokenizer: PreTrainedTokenizerBase, said: Sequence[int], ends: Container[int]) -> Answer:
    """Return what the tokens say up to the first of those that end an answer, if there is one."""
    end = next((place for place, token in enumerate(said) if token in ends), None)
    return Answer(tokenizer.decode(said[:end]), len(said[:end]), end is not None)


def overlap(answer: str, reference: str) -> float:
    """Return the F1 measure of the words that two texts have in common, in any order: 1 for the same words."""
    said, wanted = (Counter(re.findall(r"\w+", text.lower())) for text in (answer, reference))
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total()) if common else 0.0
