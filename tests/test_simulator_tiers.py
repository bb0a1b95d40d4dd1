"""The tiers at which the simulated provider serves chat completions, and on which account they stand."""

from __future__ import annotations

import orjson
import pytest

from qloragen.errors import SettingsError
from qloragen.simulator import Fault, Latency
from qloragen.simulator.settings import Flex
from tests.plans import body, finished, provider, refusal

SLOW = Flex(Latency(median_s=90.0, token_s=1.0))


def test_flex_takes_its_own_time_and_the_default_tier_that_of_the_model():
    simulated = provider(latency=Latency(median_s=2.0), flex=SLOW)

    flex = finished(simulated, body(service_tier="flex", max_tokens=3))

    assert flex.first_s == pytest.approx(93.0)
    assert finished(simulated, body()).first_s == 2.0
    assert finished(provider(latency=Latency(median_s=2.0)), body(service_tier="flex")).first_s == 2.0


def test_a_share_of_the_flex_calls_finds_no_capacity_and_pays_nothing():
    simulated = provider(flex=Flex(unavailable=0.3), latency=Latency(refusal_s=0.25))

    plans = [finished(simulated, body(f"call {n}", service_tier="flex")) for n in range(1_000)]

    struck = [plan for plan in plans if plan.status == 429]
    assert 250 < len(struck) < 350
    assert refusal(struck[0]) == (429, "resource_unavailable", None)
    assert struck[0].first_s == 0.25
    assert "retry-after-ms" not in struck[0].headers
    counts = simulated.statistics.services["flex"]["m"]
    assert counts.outcomes == {"answered": 1_000 - len(struck), "flex_unavailable": len(struck)}
    assert counts.billed.prompt_tokens == sum(plan.usage.prompt_tokens for plan in plans if plan.usage)


def test_other_tiers_know_nothing_of_the_capacity_of_flex():
    simulated = provider(flex=Flex(unavailable=1.0))

    assert finished(simulated, body()).status == 200
    assert finished(simulated, body(service_tier="priority")).status == 200
    assert finished(simulated, body(service_tier="flex")).status == 429


def test_a_body_without_capacity_may_find_some_when_it_comes_again():
    simulated = provider(flex=Flex(unavailable=0.5))

    assert {finished(simulated, body(service_tier="flex")).status for _ in range(20)} == {200, 429}


def test_a_downgraded_call_is_named_and_billed_at_the_tier_that_served_it():
    simulated = provider(flex=Flex(Latency(median_s=90.0), downgraded=1.0), latency=Latency(median_s=1.0))

    plan = finished(simulated, body(service_tier="flex"))

    assert orjson.loads(plan.body)["service_tier"] == "default"
    assert plan.first_s == 1.0
    assert set(simulated.statistics.services) == {"default"}


def test_the_shares_of_flex_are_drawn_apart_of_what_is_served():
    simulated = provider(flex=Flex(unavailable=0.5, downgraded=0.5))

    for n in range(1_000):
        finished(simulated, body(f"call {n}", service_tier="flex"))

    services = simulated.statistics.services
    assert 420 < services["flex"]["m"].outcomes["flex_unavailable"] < 580
    assert 180 < services["flex"]["m"].outcomes["answered"] < 320
    assert 180 < services["default"]["m"].outcomes["answered"] < 320


def test_a_model_may_have_no_flex():
    plan = finished(provider(flex=Flex(offered=False)), body(service_tier="flex"))

    assert refusal(plan) == (400, None, "service_tier")


def test_a_tier_that_the_api_does_not_know_is_refused():
    assert refusal(finished(provider(), body(service_tier="cheap"))) == (400, "invalid_value", "service_tier")


def test_every_call_is_on_the_account_of_its_tier_and_model():
    simulated = provider(faults=(Fault("500", models=("broken",)),))
    for model, tier in (("a", "flex"), ("a", "default"), ("b", "flex"), ("b", "priority"), ("broken", "flex")):
        finished(simulated, body(model=model, service_tier=tier))

    seen = simulated.statistics
    assert {service: set(found) for service, found in seen.services.items()} == {
        "default": {"a"},
        "flex": {"a", "b", "broken"},
        "priority": {"b"},
    }
    assert seen.services["flex"]["broken"].outcomes == {"500": 1}
    billed = [counts.billed.prompt_tokens for found in seen.services.values() for counts in found.values()]
    assert sum(billed) == seen.total.billed.prompt_tokens
    shown = orjson.loads(orjson.dumps(seen.as_dict()))
    assert shown["services"]["flex"]["a"]["calls"] == 1


def test_a_fault_strikes_where_it_is_meant_to():
    simulated = provider(faults=(Fault("500", endpoints=("files",)),))

    assert finished(simulated, body()).status == 200


def test_rates_add_up_at_each_endpoint_alone():
    provider(faults=(Fault("500", 0.9), Fault("500", 0.9, endpoints=("files",))))
    with pytest.raises(SettingsError, match="add up to"):
        provider(faults=(Fault("500", 0.9), Fault("500", 0.9, endpoints=("files", "chat"))))


def test_a_share_is_a_number_from_0_to_1():
    with pytest.raises(SettingsError, match=r"flex: unavailable must be from 0 to 1, not 1\.5"):
        Flex(unavailable=1.5)
