"""What is counted and measured of a run, as OpenTelemetry's instruments."""

from __future__ import annotations

from decimal import Decimal

from opentelemetry.metrics import Meter

from ..types import Cell, Usage
from .names import ERROR_TYPE, TYPE, Attributes, purpose

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))
"""Bounds of buckets that the conventions advise, of both kinds."""
_USED = "gen_ai.client.inference.usage."
_ONE = "gen_ai.client.inference.operation."
_SIZES = {"input_tokens": "Prompt tokens of one bill.", "output_tokens": "Completion tokens of one bill."}
_SUMS = {
    "input_tokens": "Prompt tokens billed, those of the prompt cache included.",
    "output_tokens": "Completion tokens billed, those of reasoning included.",
    "cache_read.input_tokens": "Prompt tokens that were read from the prompt cache.",
    "cache_write.input_tokens": "Prompt tokens that were written to the prompt cache.",
    "reasoning.output_tokens": "Completion tokens of reasoning.",
}
_RESULTS = {"classify": "classification", "generate": "record", "judge": "judgement"}
"""What a cell of each stage comes to."""


class Counts:
    """Counters and histograms; each event of a run is put in once."""

    def __init__(self, meter: Meter) -> None:
        self._duration = meter.create_histogram(
            "gen_ai.client.inference.duration",
            "s",
            "Time from sending a call to its reply or its end without one.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._one = {
            name: meter.create_histogram(f"{_ONE}{name}", "{token}", told, explicit_bucket_boundaries_advisory=_TOKENS)
            for name, told in _SIZES.items()
        }
        self._used = {name: meter.create_counter(f"{_USED}{name}", "{token}", told) for name, told in _SUMS.items()}
        self._cost = meter.create_counter("qloragen.cost", "{USD}", "Cost of what was billed.")
        self._unpriced = meter.create_counter("qloragen.unpriced.count", "{call}", "Billed calls of unknown cost.")
        self._articles = meter.create_counter("qloragen.article.count", "{article}", "Articles that were left.")
        self._skips = meter.create_counter("qloragen.skip.count", "{piece}", "Pieces of a source that are no articles.")
        self._results = {
            stage: meter.create_counter(f"qloragen.{name}.count", f"{{{name}}}", f"Each {name} that was made.")
            for stage, name in _RESULTS.items()
        }
        self._rejections = meter.create_counter(
            "qloragen.rejection.count", "{cell}", "Cells that were given up, for good or until the next run."
        )

    def call(self, about: Attributes, seconds: float, error: str | None) -> None:
        """Take in a call that has ended; without an error it was answered."""
        self._duration.record(seconds, about if error is None else {**about, ERROR_TYPE: error})

    def bill(self, about: Attributes, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """Take in what was billed for a cell."""
        self._one["input_tokens"].record(usage.prompt_tokens, about)
        self._one["output_tokens"].record(usage.completion_tokens, about)
        texts: Attributes = {**about, "gen_ai.token.modality": "text"}
        self._used["input_tokens"].add(usage.prompt_tokens, texts)
        self._used["output_tokens"].add(usage.completion_tokens, texts)
        for name, tokens in (
            ("cache_read.input_tokens", usage.cached_tokens),
            ("cache_write.input_tokens", usage.cache_write_tokens),
            ("reasoning.output_tokens", usage.reasoning_tokens),
        ):
            if tokens:  # parts of the sums, of which most replies have none
                self._used[name].add(tokens, texts)
        if cost_usd is None:
            self._unpriced.add(1, {**about, **purpose(cell)})
        else:
            self._cost.add(float(cost_usd), {**about, **purpose(cell)})

    def article(self, outcome: str) -> None:
        """Take in an article that was left."""
        self._articles.add(1, {"qloragen.outcome": outcome})

    def cell(self, cell: Cell, reason: str | None) -> None:
        """Take in what a cell has come to: a result, or a reason."""
        if reason is not None:
            self._rejections.add(1, {**purpose(cell), "qloragen.reason": reason})
            return
        self._results[cell.stage].add(1, {TYPE: cell.type_slug} if cell.type_slug else {})

    def skip(self, reason: str, count: int) -> None:
        """Take in pieces of a source that are no articles."""
        self._skips.add(count, {"qloragen.reason": reason})
