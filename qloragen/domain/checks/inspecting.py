"""All checks of one draft."""

from __future__ import annotations

from collections.abc import Mapping

from ...types import Quality
from .case import Case, Check, Defect, Inspection
from .grounding import GROUNDING
from .surface import SURFACE

CHECKS: tuple[Check, ...] = (*SURFACE, *GROUNDING)
"""Every check, the fatal and cheap ones first; no code is there twice."""

BY_CODE: Mapping[str, Check] = {check.code: check for check in CHECKS}


def inspect(case: Case) -> Inspection:
    """Return everything that is wrong with a draft; never raises, whatever the draft holds."""
    defects: list[Defect] = []
    flags: list[str] = []
    actions = case.thresholds.actions
    for check in CHECKS:
        action = actions.get(check.code, check.action)
        if action == "off" or (detail := check.find(case)) is None:
            continue
        if action == "reject":
            defects.append(Defect(check.code, detail))
        else:
            flags.append(check.code)
    said = case.said
    return Inspection(tuple(defects), Quality(round(said.grounded, 3), round(said.supported, 3), tuple(flags)))
