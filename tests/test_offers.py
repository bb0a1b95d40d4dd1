"""What is asked of a run's models, before anything is sent: the flex tier, and decisions."""

from __future__ import annotations

from typing import Any

import pytest

import qloragen
from qloragen.assembly import job_of, specs_of
from qloragen.engine.client import Client, HttpReply
from qloragen.engine.spec import ModelSpec
from qloragen.errors import SettingsError
from qloragen.offers import check_offers
from qloragen.settings import Settings, load

from .simulated import Simulated
from .test_main_job import articles


def offered(client: Client | None = None, **knobs: Any) -> tuple[ModelSpec, ...]:
    settings: Settings = load(**knobs)
    specs = specs_of(settings)
    check_offers(settings, job_of(settings), specs, client)
    return specs


def tiers(**knobs: Any) -> dict[str, str | None]:
    return {spec.name: spec.family.service_tier for spec in offered(**knobs)}


def test_flex_is_asked_for_of_every_model_that_has_it():
    assert tiers(flex=True) == {"gpt-6-sol": "flex", "gpt-6-luna": "flex"}
    assert tiers() == {"gpt-6-sol": None, "gpt-6-luna": None}


def test_models_without_flex_keep_the_usual_tier_and_are_named_once(caplog):
    with caplog.at_level("WARNING", logger="qloragen"):
        found = tiers(flex=True, classify_model="gpt-4.1")

    assert found == {"gpt-4.1": None, "gpt-6-luna": "flex"}
    assert [(record.getMessage(), record.model) for record in caplog.records] == [("flex_not_offered", "gpt-4.1")]


def test_what_is_set_for_one_model_wins():
    assert tiers(flex=True, models={"gpt-6-sol": {"service_tier": "default"}})["gpt-6-sol"] == "default"
    own = tiers(flex=True, classify_model="mine", generate_model="mine", models={"mine": {"service_tier": "flex"}})
    assert own == {"mine": "flex"}


def test_without_any_model_that_has_it_flex_is_a_mistake():
    with pytest.raises(SettingsError, match=r"No model of this run .*\(gpt-4.1, gpt-4o-mini\): leave flex out"):
        offered(flex=True, classify_model="gpt-4.1", generate_model="gpt-4o-mini")


@pytest.mark.parametrize("classifier", ["decisions", "cascade"])
def test_a_model_that_does_not_decide_is_refused_as_the_one_that_shall(classifier):
    with pytest.raises(SettingsError, match="gpt-6-sol is not known to judge predicates"):
        offered(classifier=classifier, decide_model="gpt-6-sol")

    assert offered(classifier=classifier)
    assert offered(classifier=classifier, decide_model="m", models={"m": {"decisions": True}})
    assert offered(classifier="numbers", decide_model="gpt-6-sol")


@pytest.mark.parametrize("classifier", ["decisions", "cascade"])
def test_a_client_that_has_no_way_to_ask_for_decisions_is_refused(classifier):
    class OnlyChat:
        async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
            raise AssertionError

    with pytest.raises(SettingsError, match="client cannot ask for decisions"):
        offered(OnlyChat(), classifier=classifier)

    assert offered(OnlyChat(), classifier="numbers")


async def test_a_whole_run_asks_for_flex_at_every_call_and_its_records_are_the_same(tmp_path):
    async with Simulated() as server:
        flex = await qloragen.agenerate(articles(2), tmp_path / "a", base_url=server.base_url, flex=True)
        asked = [call.body.get("service_tier") for call in server.calls]
        usual = await qloragen.agenerate(articles(2), tmp_path / "b", base_url=server.base_url)

    assert set(asked) == {"flex"}
    assert {record.id for record in flex.records()} == {record.id for record in usual.records()}
    assert len(server.calls) == 2 * len(asked)
