"""What a run that goes on says, and asks, before it spends money."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio

from ..errors import ChangesNotAccepted
from ..logs import Stream, escape, get_logger
from ..pipeline.plan import Plan, about_usd
from ..session import Session

YES = frozenset({"y", "yes"})

log = get_logger()


async def planned(session: Session, source: list[Path], limit: int | None, out: Stream) -> Plan | None:
    """Say what a run that goes on has still to pay for, and return it; a new one starts at once.

    When done work has to be paid for again, and costs more than `confirm_above_usd`, a person at the terminal is asked.

    Raises:
        ChangesNotAccepted: Nobody has agreed to that.
    """
    if not session.resumed:
        return None
    plan = await session.plan(source, limit=limit)
    if session.settings.log_format == "json":
        log.info("run_resumed", **plan.fields())
    else:
        out.write("".join(f"{escape(line)}\n" for line in _lines(session.folder, plan)))
    settings = session.settings
    if plan.exceeds(settings.confirm_above_usd) and not settings.accept_changes and not await _agreed(plan, out):
        raise ChangesNotAccepted(plan.refusal(session.folder))
    session.accept_changes()
    return plan


def _lines(folder: Path, plan: Plan) -> Iterator[str]:
    yield f"{folder} goes on: {plan}."
    if not plan.complete:
        yield (
            f"{folder}/run.json does not say what earlier sessions worked with: changed models, prompts and parameters "
            "cannot be told from new work."
        )
    for change in plan.changes:
        yield f"changed: {change}"
    if plan.changes:
        yield (
            "What was made before stays in records.jsonl beside the new; `qloragen export` takes one record of each "
            "article and type: made as now, or else the newest."
        )


async def _agreed(plan: Plan, out: Stream) -> bool:
    """Ask the person at the terminal; nobody is there when standard input or error is something else."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):  # a process can be without any standard input
        return False
    changed = plan.changed
    out.write(f"Pay for {changed.cells} again, {about_usd(changed.cost_usd)}? Go on? [y/N] ")
    out.flush()
    await anyio.wait_readable(sys.stdin)
    return sys.stdin.readline().strip().lower() in YES
