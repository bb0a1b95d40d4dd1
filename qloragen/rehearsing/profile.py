"""What a provider was like in an earlier run, for rehearsing the next one: learned from a journal, kept as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import SettingsError, SetupError
from ..simulator import Model, Simulation
from ..words import counted
from .learning import traits_of
from .traits import FEW, USUAL, Own, Traits


@dataclass(frozen=True, slots=True)
class Profile:
    """What the provider was like, by model."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    models: Annotated[Mapping[Annotated[str, Field(min_length=1)], Traits], Field(min_length=1)]
    learned_from: str = ""
    """Where from, for people."""

    @property
    def replies(self) -> int:
        """Paid replies that it rests on."""
        return sum(traits.replies for traits in self.models.values())

    def applied(self, simulation: Simulation, own: Own = USUAL) -> Simulation:
        """Return `simulation`, whose records are like `own`, with the times, the lost calls, the refused replies and
        the lengths of this profile.

        Limits, capacities, outages and models that it does not know stay as they are, and so do other faults.
        """
        known = {
            name: traits.behaviour(simulation.behaviour(name) or Model(), own) for name, traits in self.models.items()
        }
        faults = [fault for name, traits in self.models.items() for fault in traits.faults(name, own)]
        return replace(
            simulation,
            models={**known, **{name: model for name, model in simulation.models.items() if name not in known}},
            faults=(*simulation.faults, *faults),
        )

    def about(self, models: Collection[str]) -> tuple[str, ...]:
        """Return sentences on what it rests on, as far as these models go: of which there are too few replies or none,
        and what it does not tell."""
        known = {name: traits for name, traits in self.models.items() if name in models}
        unknown = [name for name in models if name not in known]
        of = f" of {self.learned_from}" if self.learned_from else ""
        found = f"Learned from {counted(self.replies, 'reply', 'replies')}{of}."
        none = [f"There is no reply of {', '.join(unknown)} among them: what is usual is assumed."] if unknown else []
        few = [
            f"Only {counted(traits.replies, 'reply', 'replies')} of {name}: take its times for a guess ({FEW} or more"
            " would say something)."
            for name, traits in known.items()
            if traits.few
        ]
        refused = [
            f"{traits.rate_limited:.0%} of the calls to {name} were refused there for the rate (429): this rehearsal is"
            " too fast unless it has that limit (--rpm and --tpm, or --server-rpm and --server-tpm)."
            for name, traits in known.items()
            if traits.throttled
        ]
        return (found, *none, *few, *refused)

    def to_json(self) -> bytes:
        """Return the profile as JSON, for `read_profile`."""
        return _PROFILE.dump_json(self, indent=2)


_PROFILE = TypeAdapter(Profile)


def learn(folder: Path) -> Profile:
    """Return what the journal of the run in `folder` says of the provider, even while another process writes there.

    It is read once, in memory that does not grow with it.

    Raises:
        SetupError: There is no run in `folder`, it cannot be read, or it holds no paid reply.
    """
    models = traits_of(folder)
    if not models:
        raise SetupError(
            f"The run in {folder} has paid for no reply yet that would say what its provider is like: name a run that"
            " has, or give the times with --ttft-median-s and --token-s."
        )
    return Profile(models, str(folder))


def read_profile(path: Path) -> Profile:
    """Return the profile at `path`: that of a run directory, or the one that a JSON file holds.

    Raises:
        SetupError: A directory is none of a run that could be learned from; see `learn`.
        SettingsError: A file cannot be read, or holds no profile.
    """
    if path.is_dir():
        return learn(path)
    try:
        profile = _PROFILE.validate_json(path.read_bytes())
        profile.applied(Simulation())
    except OSError as error:
        raise SettingsError(f"The profile {path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _no_profile(path, f"{where}{where and ': '}{first['msg']}") from None
    except SettingsError as error:
        raise _no_profile(path, str(error).removesuffix(".")) from None
    return profile


def _no_profile(path: Path, why: str) -> SettingsError:
    return SettingsError(f"{path} is no profile of a run: {why}. --save-profile writes one.")
