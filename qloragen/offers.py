"""Whether the models of a run offer what is asked of them; said before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from .engine.capacity import FLEX
from .engine.client import Client, Deciding
from .engine.spec import ModelSpec
from .errors import SettingsError
from .logs import get_logger
from .pipeline.job import Job
from .settings import Settings

log = get_logger()


def check_offers(settings: Settings, job: Job, specs: Sequence[ModelSpec], client: Client | None = None) -> None:
    """Look whether the run can be made as it is set, by a `client` of the caller's own or ours; models without the flex
    tier are named in the log.

    Raises:
        SettingsError: no model has the flex tier, or the one that is to decide does not judge predicates, or the client
            cannot ask for that.
    """
    if settings.flex:
        check_flex(specs)
    if deciding := job.deciding_models:
        _check_decisions(job, [spec for spec in specs if spec.name in deciding], client)


def _check_decisions(job: Job, specs: Sequence[ModelSpec], client: Client | None) -> None:
    if client is not None and not isinstance(client, Deciding):
        raise SettingsError(
            f"The client cannot ask for decisions, as the classifier {job.classifier.name} needs it: give one that has"
            " `decide`, or choose another classifier."
        )
    for spec in specs:
        if not spec.family.decisions:
            raise SettingsError(
                f"Model {spec.name} is not known to judge predicates, as the classifier {job.classifier.name} needs it:"
                " choose another decide_model or classifier, or set decisions = true for the model."
            )


def check_flex(specs: Sequence[ModelSpec]) -> None:
    """Look whether the models have the flex tier, which is wished for; those that do not are named in the log.

    Raises:
        SettingsError: none has it.
    """
    without = [spec.name for spec in specs if spec.family.service_tier != FLEX]
    if len(without) == len(specs):
        raise SettingsError(
            f"No model of this run is known to have the flex tier ({', '.join(without)}): leave flex out,"
            ' or set service_tier = "flex" for a model that has it.'
        )
    for model in without:
        log.warning("flex_not_offered", model=model)
