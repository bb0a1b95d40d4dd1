"""Two aiolimiter buckets, the usual way to keep within limits per minute."""

from __future__ import annotations

from aiolimiter import AsyncLimiter

from peers.job import Body, Job, Send, tokens

_DEPTH_S = 0.25
"""A bucket holds so much of its rate: well below the windows of the server, so that jitter on the way does no harm."""


def limited(send: Send, job: Job) -> Send:
    """Return `send` behind one bucket of requests and one of tokens."""
    requests = AsyncLimiter((job.rpm or 60_000_000) / 60 * _DEPTH_S, _DEPTH_S)
    volume = AsyncLimiter((job.tpm or 60_000_000_000) / 60 * _DEPTH_S, _DEPTH_S)

    async def admitted(body: Body) -> object:
        await requests.acquire()
        await volume.acquire(min(tokens(body), volume.max_rate))
        return await send(body)

    return admitted
