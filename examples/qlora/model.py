"""The model that is tuned: its weights, in four bits, on a GPU where there is one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from bitsandbytes.nn import Linear4bit
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from qloragen.local.weights import default_weights


class Place(NamedTuple):
    """Where a model computes, and in which numbers."""

    device: str
    dtype: torch.dtype


def best_place() -> Place:
    """Return the GPU, in bfloat16, as TRL has the adapters, whatever the GPU; or else the CPU, in float32."""
    return Place("cuda:0", torch.bfloat16) if torch.cuda.is_available() else Place("cpu", torch.float32)


def bundled() -> str:
    """Return a folder with SmolLM2-135M-Instruct, made once from the GGUF file that a package holds.

    Raises:
        SettingsError: The package is not installed.
    """
    file = default_weights()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qloragen"
    folder = cache / f"{file.stem}-dequantised"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            dequantise(file, Path(scratch) / "model")
            (Path(scratch) / "model").rename(folder)
    return str(folder)


def dequantise(file: Path, folder: Path) -> None:
    """Save the model of a GGUF file as an ordinary one in float32 (537 MB for 135 million weights)."""
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    model.hf_quantizer = None  # what is saved is not quantised any more, and must not say so
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model, which pads on the left, as generating in batches needs it."""
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_quantised(model: str, place: Place) -> PreTrainedModel:
    """Return a model whose linear layers are in NF4, quantised twice, as QLoRA has them (arXiv 2305.14314)."""
    # CPUs that multiply bfloat16 in hardware are three times as fast so, and as precise as a GPU; others take no note.
    torch.set_float32_matmul_precision("medium")
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=place.dtype,
    )
    loaded = AutoModelForCausalLM.from_pretrained(
        model, quantization_config=four_bits, dtype=place.dtype, device_map={"": place.device}
    )
    keep_differentiable(loaded)
    return loaded


def keep_differentiable(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from packing the weights anew for a kernel that has no gradient.

    On CPUs with AVX512-BF16 its version 0.50.2 does that at the first validation and never undoes it: from then on
    nothing in front of such a layer learns any more, with no more than a warning.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
