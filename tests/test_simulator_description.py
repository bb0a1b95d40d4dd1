"""Simulations out of files."""

from __future__ import annotations

import pytest

from qloragen.errors import SettingsError
from qloragen.simulator import (
    Capacity,
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    PromptCache,
    Simulation,
    Wire,
)
from qloragen.simulator import description as example
from qloragen.simulator.batch_settings import Batches
from qloragen.simulator.description import read_simulation
from qloragen.simulator.settings import Flex

WHOLE = """
seed = 7
api_key = "k"
remembered_calls = 10

[models.one]
limits = { rpm = 500, tpm = 200_000, charge = "max", rejected_requests = 0 }
capacity = { concurrency = 5 }
latency = { median_s = 0.5, p99_s = 3, refusal_s = 0.1 }
cache = { rule = "none", entries = 10 }
flex = { unavailable = 0.1, latency = { median_s = 9 } }
context_tokens = 1000

[models."*"]

[batches]
median_s = 60
enqueued_tokens = 5_000

[[faults]]
kind = "503"
rate = 0.02
sticky = true
models = ["one"]

[[faults]]
kind = "odd"
every = 5
endpoints = ["files", "batched"]
effect = { status = 418, wire = "trickle", gap_s = 0.5 }

[[outages]]
start_s = 60
duration_s = 30
kind = "refuse"
"""


def test_a_file_says_all_that_a_simulation_can_be(tmp_path):
    (tmp_path / "s.toml").write_text(WHOLE)

    one = Model(
        Limits(rpm=500, tpm=200_000, charge="max", rejected_requests=0),
        Capacity(concurrency=5),
        Latency(0.5, 3, refusal_s=0.1),
        PromptCache("none", entries=10),
        Flex(Latency(9), 0.1),
        context_tokens=1000,
    )
    odd = Fault("odd", every=5, effect=Effect(status=418, wire=Wire.TRICKLE, gap_s=0.5), endpoints=("files", "batched"))
    assert read_simulation(tmp_path / "s.toml") == Simulation(
        {"one": one, "*": Model()},
        (Fault("503", 0.02, sticky=True, models=("one",)), odd),
        (Outage(60, 30, "refuse"),),
        7,
        "k",
        10,
        batches=Batches(median_s=60, enqueued_tokens=5_000),
    )


def test_the_example_of_the_documentation_is_one(tmp_path):
    (tmp_path / "s.toml").write_text((example.__doc__ or "").partition("\n")[2].replace("\n    ", "\n"))

    assert set(read_simulation(tmp_path / "s.toml").models) == {"gpt-6-luna", "*"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = ", "is not TOML"),
        ("sed = 1", "sed: "),
        ("[models.m.limits]\nrps = 5", "models.m.limits.rps"),
        ("[models.m.limits]\nrpm = 'many'", "models.m.limits.rpm"),
        ("[models.m.limits]\nrpm = inf", "rpm must be above 0 and at most"),
        ("[[outages]]\nstart_s = 1", "duration_s"),
        ("[[faults]]\nkind = 'nope'", "There is no fault 'nope'"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path, text, message):
    (tmp_path / "s.toml").write_text(text)

    with pytest.raises(SettingsError, match=message):
        read_simulation(tmp_path / "s.toml")
