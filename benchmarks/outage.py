"""What is lost, paid twice or wasted when the provider fails: an outage, storms of 429, all passing faults at once?

Requests at 3,000 RPM (the peers are told; latency lognormal, 0.5 s in the median and 3 s at the 99th percentile) meet

* outage 503, outage reset: from the 30th second on, every call is answered with 503, or its connection reset, for 60 s;
* storms: from the 20th, 40th and 60th second on, every call is answered with 429 for 3, 6 and 12 s;
* faults: 2 % of the calls meet each of the faults that pass by (errors 408 to 529, resets, cut and endless bodies,
  hanging calls, HTML in place of JSON, 429 of both kinds), so that one call in three fails, and as many each of the
  strange answers (cut off, filtered, refused, empty, without usage).

Columns: requests lost; replies billed for a request that had got one before ("twice"); calls for each request that was
answered; calls made during the trouble that were not answered ("wasted"); and the seconds from the end of the outage or
the last storm until the first call after it that was answered. The short form has a tenth of all times.

Run: python benchmarks/outage.py [--short] [--scenarios A,B] [--peers A,B] [--json FILE].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import harness
from peers.job import Job

PEERS = ("openai-bucket", "engine-openai", "engine-fast")
RPM = 3_000
PASSING = (
    *("rate_limited", "slow_down", "408", "409", "500", "502", "503", "529"),
    *("reset_before_headers", "reset_after_headers", "truncated_body", "never_ends", "slow_trickle", "hang"),
    *("html_page", "html_error", "error_inside_200"),
)
STRANGE = ("length", "content_filter", "refusal", "empty_choices", "null_content", "missing_usage")


@dataclass(frozen=True)
class Scenario:
    """What goes wrong and when; seconds since the server began."""

    troubles: Sequence[tuple[float, float]]
    """Start and end of each time in which nothing works."""
    outage: str | None = None
    """The kind of an outage; None: storms of 429."""
    rate: float = 0.0
    """Share of the calls that meet each of the passing faults and strange answers."""

    def settings(self, scale: float) -> dict[str, Any]:
        """Return the simulation, with all times multiplied by `scale`."""
        spans = [(start * scale, end * scale) for start, end in self.troubles]
        outages = [{"start_s": start, "duration_s": end - start, "kind": self.outage} for start, end in spans]
        storms = [{"kind": "rate_limited", "start_s": start, "end_s": end} for start, end in spans]
        faults = [{"kind": kind, "rate": self.rate} for kind in (*PASSING, *STRANGE) if self.rate]
        return {
            "models": {"*": {"limits": {"rpm": RPM}, "latency": {"median_s": 0.5, "p99_s": 3.0}}},
            "outages": outages if self.outage else [],
            "faults": faults if self.outage else [*faults, *storms],
        }


SCENARIOS: Mapping[str, Scenario] = {
    "outage 503": Scenario([(30, 90)], "503"),
    "outage reset": Scenario([(30, 90)], "reset"),
    "storms": Scenario([(20, 23), (40, 46), (60, 72)]),
    "faults": Scenario([], rate=0.02),
}


def main() -> None:
    parser = harness.parser(__doc__, peers=PEERS)
    parser.add_argument("--scenarios", type=_names, default=tuple(SCENARIOS), metavar="A,B")
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--scale", type=float, help="multiplies all times; default 1, with --short 0.1")
    options = parser.parse_args()
    scale = options.scale or (0.1 if options.short else 1.0)
    plan, rows = harness.plan(options), list[harness.Row]()
    runs: dict[str, list[harness.Measured]] = {}
    job = Job(
        "", round(RPM * scale), options.in_flight, (600, 200, 1_600), 200, rpm=RPM, timeout_s=max(6.0, 90 * scale)
    )
    for name in options.scenarios:
        results = plan.measure(job, SCENARIOS[name].settings(scale))
        rows += [_row(name, peer, run, scale) for peer, found in results.items() for run in found]
        runs |= {f"{name}: {peer}": found for peer, found in results.items()}
    harness.show(rows)
    harness.write(options.json, job, rows, runs)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _row(name: str, peer: str, run: harness.Measured, scale: float) -> harness.Row:
    spans = [(start * scale, end * scale) for start, end in SCENARIOS[name].troubles]
    unanswered = [call for call in run.seen if call.status != 200]
    stormed = sum(start <= call.arrived_s < end for call in unanswered for start, end in spans)
    return {
        "scenario": name,
        "peer": harness.PEERS[peer][1],
        "s": run.client["wall_s"],
        "lost": run.client["lost"],
        "lost by": ", ".join(f"{count} {kind}" for kind, count in run.client["lost_by"].items()) or "-",
        "twice": run.statistics["duplicates"],
        "calls per answer": run.statistics["calls"] / max(1, run.client["ok"]),
        "wasted": stormed + run.statistics["outcomes"].get("outage", 0),
        "recovered after s": _recovered(run.seen, spans[-1][1]) if spans else nan,
    }


def _recovered(seen: Sequence[harness.Seen], end_s: float) -> float:
    arrivals = [call.arrived_s for call in seen if call.status == 200 and call.arrived_s >= end_s]
    return min(arrivals, default=nan) - end_s


if __name__ == "__main__":
    main()
