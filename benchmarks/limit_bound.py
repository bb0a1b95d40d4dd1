"""How near to the time that the limits allow does a run come, when requests and tokens per minute are both tight?

3,000 RPM and 3 M TPM, enforced in windows of one second; latency lognormal, 0.5 s in the median and 3 s at the 99th
percentile; requests of 200 to 1,600 prompt tokens and a cap of 200, so that most seconds are bound by requests and some
by tokens. The peers are told the limits.

Ideal time: the moment at which the server's own buckets, full at the start, can let in the last of these requests in
order, plus one median latency. The tail of the latencies comes on top of it, so that 1.00 is out of reach: "x drawn"
compares with the same schedule where each request takes the time that the server took for it. A request is lost if the
peer gives it up; "rejected" are 429 replies in percent of the requests.

Run: python benchmarks/limit_bound.py [--short] [--requests 6000] [--peers A,B] [--json FILE].
"""

from __future__ import annotations

import harness
from limits import Bound, main

BOUND = Bound(
    rpm=3_000,
    tpm=3_000_000,
    told=True,
    prompt_tokens=(600, 200, 1_600),
    cap_tokens=200,
    requests=6_000,
    short=600,
)
PEERS = ("raw-bucket", "openai-semaphore", "openai-bucket", "engine-openai", "engine-fast")

if __name__ == "__main__":
    main(harness.parser(__doc__, peers=PEERS), BOUND)
