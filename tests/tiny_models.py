"""A language model of no use but small enough to be trained in a test: random weights, a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

END = "<|end|>"
CHAT = (
    "{% for message in messages %}<|{{ message.role }}|>{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content }}"
    + END
    + "{% endgeneration %}{% else %}{{ message.content }}"
    + END
    + "{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")


def tiny_model(folder: Path, texts: Iterable[str]) -> str:
    """Save a model of Llama's kind whose tokenizer has learned `texts`, and return where."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=512, special_tokens=[END, *ROLES], initial_alphabet=alphabet)
    )
    # It has no token to pad with, as many have none; that the end is learned all the same is not a matter of course.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token=END, chat_template=CHAT)
    tokenizer.save_pretrained(folder)
    set_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,  # the head is not tuned, so it must be able to say things with certainty
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)
