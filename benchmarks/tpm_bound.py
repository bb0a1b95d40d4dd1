"""How near to the ideal time comes a run whose limits nobody was told, and does a big request wait longer than fair?

2 M TPM and 10,000 RPM, announced only in the headers of the replies and enforced in windows of one second; article-like
requests, lognormal from 200 to 12,000 prompt tokens with a cap of 400: bound by tokens alone. Latency, ideal time and
columns as in limit_bound.py.

"big later": how much later than in the ideal schedule, which is first come, first served, the biggest twentieth of the
requests reach the server, less the same for all others, in seconds (medians). A fair queue has about 0.

Run: python benchmarks/tpm_bound.py [--short] [--requests 1500] [--peers A,B] [--json FILE].
"""

from __future__ import annotations

import harness
from limits import Bound, main

BOUND = Bound(
    rpm=10_000,
    tpm=2_000_000,
    told=False,
    prompt_tokens=(1_500, 200, 12_000),
    cap_tokens=400,
    requests=1_500,
    short=150,
)
PEERS = ("openai-semaphore", "engine-openai", "engine-fast")

if __name__ == "__main__":
    main(harness.parser(__doc__, peers=PEERS), BOUND)
