"""What there is to see of a run at one moment: plain values for displays, metrics and other processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic import AwareDatetime, FiniteFloat, JsonValue, TypeAdapter, ValidationError

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Paused:
    """Why a model is not called at the moment, or nothing is heard of its batches."""

    cause: str
    """`rate_limited`, `outage`, `no_capacity` or `held`; see `engine.gate.Cause`."""
    why: str
    """What the server said, or whoever paused the engine: a foreign text, to be escaped where it is shown."""
    probe_in_s: FiniteFloat | None = None
    """When the next probe is made; None while one is under way, and while the engine is held."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls have come to, or may come to at worst."""

    cost_usd: Decimal = _ZERO
    """0 also where no price is known."""
    tokens: int = 0
    """Prompt and completion."""
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent at most, earlier sessions included, and what of it is gone; None: as much as it takes."""

    max_cost_usd: Decimal | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    spent: Spent = Spent()
    """What was billed, and the worst case of calls whose bill never came."""
    reserved: Spent = Spent()
    """The worst case of the calls that are being made, as far as anything bounds them."""

    @property
    def bounded(self) -> bool:
        """Whether there is any bound at all."""
        return any(most is not None for most in (self.max_cost_usd, self.max_tokens, self.max_calls))


@dataclass(frozen=True, slots=True)
class ModelView:
    """How calls to one model go. Counts are those of this session; rates are without its batches."""

    in_flight: int
    """Calls without a reply."""
    max_in_flight: int
    """How many there may be now."""
    waiting: int
    """Requests that wait for admission."""
    sent: int
    """HTTP calls, and requests in batches."""
    completed: int
    rate_limited: int
    """Refusals for the rate (429)."""
    no_capacity: int
    """Refusals for want of room at the flex tier."""
    retried: int
    """Calls that failed in passing, and came back to be sent again."""
    given_up: int
    requests_per_minute: FiniteFloat
    """HTTP calls sent within the last minute; of a younger session, what would be sent in one."""
    tokens_per_minute: FiniteFloat
    """Prompt and completion tokens of the replies of that minute, as billed."""
    rpm: int | None = None
    """Limit of the first; None while none is known."""
    tpm: int | None = None
    """Limit of the second; None while none is known. It may be charged with more than is billed."""
    bound: str = "idle"
    """What keeps the next call from being sent now; see `engine.bound.Bound`."""
    pause: Paused | None = None
    """None while calls are made."""
    prompt_tokens: int = 0
    """Billed, as the other two, of replies of this session; batches too."""
    cached_tokens: int = 0
    """Those of the prompt tokens that were read from the prompt cache."""
    completion_tokens: int = 0
    allowance: Allowance | None = None
    """The model's own; None where it has none."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """How far a batch is that has not been collected."""

    id: str | None
    """The provider's; None while it is being submitted."""
    model: str
    status: str
    """As the provider says; `submitting` before that, `collecting` after."""
    done: int
    """Requests that have been executed."""
    total: int
    asked: AwareDatetime
    """When it was made."""


@dataclass(frozen=True, slots=True)
class View:
    """A session at work, at one moment. What is counted is what this session has done, unless it says otherwise."""

    run: str
    """Name of the run, as in `run.json`."""
    makes: str
    """What comes of it: `records`, or `judgements`."""
    started: AwareDatetime
    """When the session was opened."""
    time: AwareDatetime
    """When this was seen."""
    elapsed_s: FiniteFloat
    """Seconds of the event loop's clock between both."""
    articles: int = 0
    """Taken from the source."""
    finished_articles: int = 0
    """Those for which nothing is left to ask now."""
    expected_articles: int | None = None
    """How many the source holds, once that is known."""
    made: int = 0
    """Records, or judgements."""
    adopted: int = 0
    """Replies that the provider had stored, taken in place of new calls."""
    rejections: Mapping[str, int] = field(default_factory=dict)
    """Cells given up for good, by reason."""
    rejected_before: int = 0
    """Cells of these articles that an earlier session gave up for good."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Cells given up until the next run, by reason."""
    skips: Mapping[str, int] = field(default_factory=dict)
    """Pieces of the source that are no articles, by reason."""
    models: Mapping[str, ModelView] = field(default_factory=dict)
    calls: int = 0
    """Billed, earlier sessions included, as all sums from here to the allowance."""
    cost_usd: Decimal = _ZERO
    """Sum over the calls whose cost is known."""
    unpriced_calls: int = 0
    """Calls whose cost is not known, and not in the sum."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    allowance: Allowance = Allowance()
    """Of the whole run."""
    batches: tuple[BatchView, ...] = ()
    """Oldest first."""
    sinks: Mapping[str, int] = field(default_factory=dict)
    """Records that sinks besides the run's own do not have yet; those that have all are left out."""
    stopping: str | None = None
    """Why no more work is taken, in a sentence, once that is so; a foreign text."""
    leaves_in_s: FiniteFloat | None = None
    """How long a stop may still wait for calls in flight; None: as long as they take."""
    eta_s: FiniteFloat | None = None
    """Seconds until all is done; None while that cannot be told."""
    ended: bool = False
    """Whether the session has been left."""

    @property
    def rejected(self) -> int:
        """Cells given up for good."""
        return sum(self.rejections.values())

    @property
    def failed(self) -> int:
        """Cells given up until the next run."""
        return sum(self.failures.values())

    @property
    def in_flight(self) -> int:
        """Calls without a reply, of all models."""
        return sum(model.in_flight for model in self.models.values())

    @property
    def cached_share(self) -> float | None:
        """Part of the prompt tokens that was read from the prompt cache; None before the first reply."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None

    @property
    def made_per_minute(self) -> float:
        """Records, or judgements, that were made in a minute of this session."""
        return 60 * self.made / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def as_dict(self) -> dict[str, JsonValue]:
        """Return it as JSON values: money as decimal strings, moments in ISO 8601."""
        values: dict[str, JsonValue] = _FORM.dump_python(self, mode="json")
        return values

    @staticmethod
    def from_dict(values: object) -> View:
        """Return what `as_dict` was made of; what a later version may have added is left out.

        Raises:
            ValueError: It is no view.
        """
        try:
            return _FORM.validate_python(values)
        except ValidationError as error:
            raise ValueError(
                f"This is no view of a run: {error.error_count()} fields are not as they should be."
            ) from error


_FORM = TypeAdapter(View)
