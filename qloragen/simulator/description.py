"""A whole simulation out of a TOML file whose tables and keys are the fields of `Simulation`.

seed = 7
api_key = "k"

[models.gpt-6-luna]
context_tokens = 400_000
limits = { rpm = 500, tpm = 200_000 }
latency = { median_s = 0.5, p99_s = 3.0 }

[models."*"]

[batches]
median_s = 600
expired = 0.05

[[faults]]
kind = "500"
rate = 0.01
endpoints = ["batched"]

[[faults]]
kind = "503"
rate = 0.02
models = ["gpt-6-luna"]

[[outages]]
start_s = 60
duration_s = 30
kind = "refuse"
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from ..errors import SettingsError
from .batch_settings import Batches
from .effects import Effect
from .faults import Fault
from .settings import Capacity, Flex, Latency, Limits, Model, Outage, PromptCache, Simulation

for _settings in (Simulation, Model, Limits, Capacity, Latency, PromptCache, Flex, Batches, Outage, Fault, Effect):
    with_config(ConfigDict(extra="forbid"))(_settings)


def read_simulation(path: Path) -> Simulation:
    """Return the simulation that a file describes; what it leaves out is as in `Simulation`.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or has a key or a value that no simulation has.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    try:
        return TypeAdapter(Simulation).validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path}: {where}: {first['msg']}.") from None
