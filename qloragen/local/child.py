"""The program in the child process: llama.cpp's own server, from the `xllamacpp` wheel.

It is run as a file and imports nothing of ours, so that it starts in a fraction of a second and needs little memory.
It gets a plan as JSON in its one argument, answers with one JSON line on stdout (`{"address": ...}` once the model is
loaded, or `{"error": ...}`), and ends when its stdin does. Native code that crashes, or prints, does so in here.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import urllib.request
from typing import BinaryIO, TypedDict

REPLY_TOKENS = 2_048
"""Most tokens of a reply to a request that sets no cap of its own; a small model may never stop by itself."""
CACHE_MIB = 512
"""Memory for prompts that have left their slot, about 25 kB a token: with it the calls about one article find their
prefix again when calls about another came between them."""

TEMPERATURE, TOP_P, REPEAT_PENALTY = 0.2, 0.9, 1.1
"""How a reply is drawn unless the request says otherwise. With llama.cpp's own 0.8, 0.95 and no penalty the small
default model often runs in circles until its cap."""


class Plan(TypedDict):
    """What to serve."""

    model: str
    """Path of a GGUF file."""
    name: str
    """What the model is called in replies."""
    reading_threads: int
    """Threads that read prompts: many tokens at a time."""
    writing_threads: int
    """Threads that write replies: one token at a time."""
    slots: int
    context_tokens: int
    """For each slot."""


def main(plan: Plan) -> None:
    """Serve until stdin ends."""
    report = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what native code prints must not look like a report
    threading.Thread(target=_leave_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    try:
        server = _start(plan)
        _ask_health(server.listening_address)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        report.write(json.dumps({"error": str(error)}).encode() + b"\n")
        return
    report.write(json.dumps({"address": server.listening_address}).encode() + b"\n")
    threading.Event().wait()


def _leave_with_parent(stdin: BinaryIO) -> None:
    """Wait for the end of `stdin`, then end this process at once: there is nothing to save."""
    stdin.read()
    os._exit(0)


def _start(plan: Plan):  # type: ignore[no-untyped-def]  # noqa: ANN202 - xllamacpp has no types
    """Return a server that has loaded its model."""
    llama = importlib.import_module("xllamacpp")  # only here: the parent's type checker and linter do without it
    params = llama.CommonParams()
    params.model.path, params.model_alias = plan["model"], {plan["name"]}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.offline, params.ui, params.endpoint_slots, params.warmup = True, False, False, False
    params.n_parallel, params.n_ctx = plan["slots"], plan["slots"] * plan["context_tokens"]
    params.n_predict, params.cache_ram_mib = REPLY_TOKENS, CACHE_MIB
    params.sampling.temp, params.sampling.top_p, params.sampling.penalty_repeat = TEMPERATURE, TOP_P, REPEAT_PENALTY
    params.cpuparams_batch.n_threads, params.cpuparams.n_threads = plan["reading_threads"], plan["writing_threads"]
    return llama.Server(params)


def _ask_health(address: str) -> None:
    """Return when the server says that it can answer.

    Raises:
        OSError: It says that it cannot, or nothing.
    """
    with urllib.request.urlopen(f"{address}/health", timeout=60) as reply:  # noqa: S310 - an http address of our own
        reply.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
