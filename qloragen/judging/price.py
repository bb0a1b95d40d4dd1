"""What judging is likely to cost, before the first call: from a few of the very requests that would be sent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ..domain.judging.asking import LIKELY_COMPLETION_TOKENS
from ..engine.body import encode
from ..engine.form import Form
from ..engine.pricing import Price, cost
from ..engine.sharing import pays, prefix_bytes, shared_usage
from ..engine.spec import ModelSpec
from ..engine.tokens import Estimator, makeup
from ..types import Request, Usage
from .flow import Bundle
from .judge import Judge

SAMPLED = 16
"""Articles whose requests are measured."""


def about_usd(judge: Judge, spec: ModelSpec, bundles: Sequence[Bundle], calls: int, *, batch: bool) -> Decimal | None:
    """Return what `calls` calls are likely to cost, judged by those of some articles; None where no price is known.

    `batch` says that they are asked for in batches, where nothing is shared.
    """
    sampled = sum(len(bundle.cases) for bundle in bundles)
    if spec.price is None or not sampled:
        return None if spec.price is None else Decimal(0)
    whole = sum((_bundle_usd(judge, spec, spec.price, bundle, batch=batch) for bundle in bundles), Decimal(0))
    return whole * calls / sampled


def _bundle_usd(judge: Judge, spec: ModelSpec, price: Price, bundle: Bundle, *, batch: bool) -> Decimal:
    form = Form(spec)
    structure, tokens = form.structure_for(structured=True), Estimator()
    requests = [judge.request(bundle.block, case, (), shared=True) for case in bundle.cases]
    sizes = [tokens.estimate(makeup(encode(request, form.family, structure))) for request in requests]
    prefix = _prefix_tokens(requests[0], form, tokens)
    usages = [Usage(size) for size in sizes]
    if not batch and pays(prefix, len(sizes), form.family, price):
        ahead, following = shared_usage(prefix, form.family)
        cached = [ahead, *(following for _ in sizes[1:])]
        usages = [one._replace(prompt_tokens=size) for one, size in zip(cached, sizes, strict=True)]
    tier = "batch" if batch else form.family.service_tier
    likely = (usage._replace(completion_tokens=LIKELY_COMPLETION_TOKENS) for usage in usages)
    return sum((cost(usage, price, tier=tier) for usage in likely), Decimal(0))


def _prefix_tokens(request: Request, form: Form, tokens: Estimator) -> int:
    prefix = prefix_bytes(request, form.family, form.structure_for(structured=True))
    return tokens.estimate(makeup(prefix)) if prefix else 0
