"""What tests of rehearsals have in common: articles that need little time, and a provider."""

from __future__ import annotations

from qloragen.simulator import Latency, Limits, Model, Simulation
from qloragen.types import Article


def some_articles(count: int) -> list[Article]:
    """Return articles of growing length, of which each supports a few types."""
    return [
        Article(
            f"a{n}",
            f"# Article {n}\n\n"
            + "\n\n".join(f"Node {n} repairs replica {part} of {n}. " * 8 for part in range(n % 6 + 2)),
        )
        for n in range(count)
    ]


def a_provider(
    *,
    rpm: float | None = None,
    tpm: float | None = None,
    seconds: float = 1.0,
    p99_s: float | None = None,
    seed: int = 0,
) -> Simulation:
    """Return a provider under whose limits every model answers after about so many seconds."""
    return Simulation(models={"*": Model(limits=Limits(rpm=rpm, tpm=tpm), latency=Latency(seconds, p99_s))}, seed=seed)
