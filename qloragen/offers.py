"""Whether the models of a run offer what is asked of them; said before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from .engine.capacity import FLEX
from .engine.spec import ModelSpec
from .errors import SettingsError
from .logs import get_logger
from .settings import Settings

log = get_logger()


def offering(settings: Settings, specs: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Return `specs` if the run can be made as it is set; models without the flex tier are named in the log.

    Raises:
        SettingsError: no model has the flex tier, or the one that is to decide does not judge predicates.
    """
    if settings.flex:
        _check_flex(specs)
    if settings.classifier in {"decisions", "cascade"}:
        _check_decisions(settings, specs)
    return specs


def _check_decisions(settings: Settings, specs: Sequence[ModelSpec]) -> None:
    for spec in specs:
        if spec.name == settings.decide_model and not spec.family.decisions:
            raise SettingsError(
                f"Model {spec.name} is not known to judge predicates, as classifier = {settings.classifier} needs it:"
                " choose another decide_model or classifier, or set decisions = true for the model."
            )


def _check_flex(specs: Sequence[ModelSpec]) -> None:
    without = [spec.name for spec in specs if spec.family.service_tier != FLEX]
    if len(without) == len(specs):
        raise SettingsError(
            f"No model of this run is known to have the flex tier ({', '.join(without)}): leave flex out,"
            ' or set service_tier = "flex" for a model that has it.'
        )
    for model in without:
        log.warning("flex_not_offered", model=model)
