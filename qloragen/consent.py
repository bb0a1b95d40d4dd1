"""Nothing that is done is paid for again in silence: changes are counted first, and asked about when they cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

from .engine.spec import ModelSpec
from .errors import ChangesNotAccepted
from .logs import get_logger
from .pipeline.circumstances import Circumstances, circumstances_of, grown
from .pipeline.job import Job
from .pipeline.plan import Plan
from .pipeline.rates import Rates
from .pipeline.survey import Past, make_plan, plan_unread
from .store.state import State
from .types import Article, Skip, Stage

log = get_logger()


class Consent:
    """What a session may pay for again of the work of earlier ones.

    Its methods read the run's state, and change nothing in it.
    """

    def __init__(
        self,
        job: Job,
        specs: Sequence[ModelSpec],
        state: State,
        history: Sequence[Circumstances],
        *,
        given: bool,
        batch: bool = False,
    ) -> None:
        """`history` is what `run.json` remembers of earlier sessions, the last one last; `batch` says that completions
        are asked for in batches."""
        self.given = given
        """Whether everything that has changed is agreed to."""
        self._job = job
        self._prices = {spec.name: spec.price for spec in specs}
        self._tiers = _tiers(job, specs, batch=batch)
        self._state = state
        self._history = tuple(history)
        self._complete = bool(history) or not self._anything_known

    @property
    def circumstances(self) -> tuple[Circumstances, ...]:
        """What `run.json` is to remember from now on."""
        return grown(self._history, circumstances_of(self._job))

    @property
    def needed(self) -> bool:
        """Whether work may have to be done again that nobody has agreed to."""
        return self._anything_known and not self.given

    async def plan(self, items: AsyncIterator[Article | Skip]) -> Plan:
        """Read all of `items` and count what is still to be paid for."""
        return await make_plan(items, self._job, self._state, self._past())

    def plan_unread(self) -> Plan:
        """Return the most that can have changed for a source that can be read only once."""
        return plan_unread(self._job, self._past())

    def judge(self, plan: Plan, limit_usd: Decimal, folder: Path) -> None:
        """Let changes pass that cost no more than `limit_usd`; they are logged.

        Raises:
            ChangesNotAccepted: They cost more, or nobody knows how much.
        """
        if plan.exceeds(limit_usd):
            raise ChangesNotAccepted(plan.refusal(folder))
        if plan.changes:
            log.warning("run_changed", folder=str(folder), **plan.fields())

    def begin(self) -> None:
        """Note that work begins, so that from now on its circumstances are among those of the run."""
        self._history = self.circumstances

    @property
    def _anything_known(self) -> bool:
        return bool(self._state.ledger.bills)

    def _past(self) -> Past:
        classified, records = self._state.totals.classified, self._state.totals.records_by_type
        settled: dict[Stage, int] = {"classify": classified, "generate": sum(records.values())}
        rates = Rates(self._state.ledger.bills, self._prices, settled, self._tiers, self._job.record_asks)
        return Past(self._history, self._complete, classified, records, rates)


def _tiers(job: Job, specs: Sequence[ModelSpec], *, batch: bool) -> dict[tuple[Stage, str], str | None]:
    """Return as what calls are to be paid, by stage and model; see `Completion.tier`."""
    tiers: dict[tuple[Stage, str], str | None] = {}
    deciding = job.deciding_models
    for spec in specs:
        tiers["generate", spec.name] = "batch" if batch else spec.family.service_tier
        tiers["classify", spec.name] = "decisions" if spec.name in deciding else tiers["generate", spec.name]
    return tiers
