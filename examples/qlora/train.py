"""Tune a model on an exported dataset with QLoRA.

Run: python examples/qlora/train.py DATASET --out ADAPTER [--model NAME_OR_FOLDER] [--steps N] ...

DATASET is what `qloragen export RUN --format prompt-completion --split 80/10/10 --out DATASET` has written. The loss
counts the answers only, with the end-of-sequence token after each. ADAPTER gets the adapter of the step with the least
validation loss, the tokenizer, and training.json with all losses.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from data import fitting, load_splits
from datasets import disable_progress_bars
from model import Place, best_place, bundled, load_quantised, load_tokenizer
from peft import LoraConfig
from transformers import EarlyStoppingCallback, set_seed
from transformers.utils import logging
from trl import SFTConfig, SFTTrainer


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    disable_progress_bars()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer = trainer_for(options, checkpoints)
        trainer.train()
        trainer.save_model(str(options.out))
    losses = [step for step in trainer.state.log_history if "loss" in step or "eval_loss" in step]
    (options.out / "training.json").write_text(json.dumps(losses, indent=1), "utf-8")
    print(conclusion(losses, options.out))


def conclusion(losses: Sequence[Mapping[str, float]], out: Path) -> str:
    """Return a sentence on what training has come to. The first validation is that of the model as it was."""
    first, *later = [step["eval_loss"] for step in losses if "eval_loss" in step]
    best = min(later)
    hint = "" if best < first else "; nothing was gained: take a lower --rate, or more records"
    return f"validation loss: {first:.3f} at first, {best:.3f} at best{hint}; the adapter is in {out}"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="ADAPTER")
    parser.add_argument("--model", help="name or folder; the small one that is installed, if left out")
    parser.add_argument("--steps", type=int, default=200, help="most steps (200)")
    parser.add_argument("--batch", type=int, default=4, help="examples of a step (4)")
    parser.add_argument(
        "--at-once", type=int, metavar="N", help="so many of them together (GPU: all; CPU: 1, which pads none)"
    )
    parser.add_argument("--rate", type=float, default=3e-4, help="highest learning rate (3e-4)")
    parser.add_argument("--rank", type=int, default=16, help="rank of the adapter (16)")
    parser.add_argument("--max-length", type=int, default=1024, help="tokens; longer examples are left out (1024)")
    parser.add_argument("--evaluate-every", type=int, default=10, metavar="STEPS", help="validate this often (10)")
    parser.add_argument("--patience", type=int, default=3, help="stop after so many validations without a gain (3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--in-order", action="store_true", help="keep the order of the file, as general data first has it"
    )
    options = parser.parse_args(arguments)
    options.at_once = options.at_once or (options.batch if torch.cuda.is_available() else 1)
    if options.batch % options.at_once:
        parser.error(f"--batch {options.batch} is not a multiple of --at-once {options.at_once}.")
    return options


def trainer_for(options: argparse.Namespace, checkpoints: str) -> SFTTrainer:
    """Return a trainer for which everything is prepared: the model in four bits, the adapter, the labels."""
    set_seed(options.seed)
    name = options.model or bundled()
    place = best_place()
    tokenizer = load_tokenizer(name)
    splits = load_splits(options.dataset)
    return SFTTrainer(
        model=load_quantised(name, place),
        processing_class=tokenizer,
        args=settings(options, checkpoints, place),
        train_dataset=fitting(splits["train"], tokenizer, options.max_length),
        eval_dataset=fitting(splits["validation"], tokenizer, options.max_length),
        peft_config=LoraConfig(
            r=options.rank,
            lora_alpha=2 * options.rank,
            lora_dropout=0.05,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=options.patience)],
    )


def settings(options: argparse.Namespace, checkpoints: str, place: Place) -> SFTConfig:
    on_gpu = place.device != "cpu"
    evaluate_every = min(options.evaluate_every, options.steps)
    return SFTConfig(
        output_dir=checkpoints,
        max_steps=options.steps,
        per_device_train_batch_size=options.at_once,
        gradient_accumulation_steps=options.batch // options.at_once,
        per_device_eval_batch_size=options.at_once,
        learning_rate=options.rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, options.steps // 20),
        optim="paged_adamw_8bit" if on_gpu else "adamw_torch",
        completion_only_loss=True,
        max_length=options.max_length,
        train_sampling_strategy="sequential" if options.in_order else "random",
        seed=options.seed,
        eval_strategy="steps",
        eval_steps=evaluate_every,
        eval_on_start=True,
        save_strategy="steps",
        save_steps=evaluate_every,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=max(1, evaluate_every // 2),
        use_cpu=not on_gpu,
        bf16=place.dtype == torch.bfloat16,
        activation_checkpointing=on_gpu,
        disable_tqdm=True,
        report_to="none",
    )


if __name__ == "__main__":
    main()
