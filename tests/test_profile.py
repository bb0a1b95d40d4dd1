"""What a journal tells of a provider: times, faults, lengths; and what a rehearsal makes of it."""

import re
from dataclasses import replace
from itertools import count
from random import Random

import anyio
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.cli import main
from qloragen.errors import SettingsError, SetupError
from qloragen.rehearsing.making import rehearse
from qloragen.rehearsing.profile import Profile, learn, read_profile
from qloragen.rehearsing.speed import SAMPLE, Sample, latency_of
from qloragen.rehearsing.traits import FEW, Traits
from qloragen.session import Session
from qloragen.simulator import Fault, Flex, Latency, Limits, Model, Provider, SimulatedClient, Simulation
from qloragen.simulator.draws import lognormal
from qloragen.store.frame import framed
from qloragen.store.lines import reply_line, types_line
from qloragen.store.money import Paid
from qloragen.testing import run_virtually
from qloragen.types import Usage

from .values import a_cell, a_classification, a_reply, key

LIMITS = (
    "# Limits\n\n{n}. A node holds two terabytes at most, and a partition a hundred megabytes. " + "It warns. " * 30
)
SLOW = Latency(0.5, 3.0, 0.015, 0.03)
KNOWN = (
    Latency(0.5, 3.0, 0.015, 0.03),
    Latency(0.2, None, 0.02, None),
    Latency(1.0, 8.0, 0.01, None),
    Latency(0.3, 0.6, 0.01, 0.05),
)


def drawn(latency, lengths, seed):
    random = Random(seed)  # noqa: S311 - chance, not secrecy
    return [
        (
            tokens,
            lognormal(latency.median_s, latency.p99_s, random.random())
            + tokens * lognormal(latency.token_s, latency.token_p99_s, random.random()),
        )
        for tokens in lengths
    ]


def lengths(seed, many=1_200):
    random = Random(seed)  # noqa: S311 - chance, not secrecy
    return [
        random.choice((6, 9, 12)) if random.random() < 0.2 else int(random.lognormvariate(5, 0.4)) for _ in range(many)
    ]


def mean_s(latency, tokens):
    grid = [(at + 0.5) / 400 for at in range(400)]
    first = sum(lognormal(latency.median_s, latency.p99_s, uniform) for uniform in grid)
    token = sum(lognormal(latency.token_s, latency.token_p99_s, uniform) for uniform in grid)
    return (first + tokens * token) / len(grid)


# ------------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize("latency", KNOWN)
@pytest.mark.parametrize("seed", [1, 2])
def test_times_are_told_from_the_replies_that_were_drawn_from_them(latency, seed):
    found = latency_of(drawn(latency, lengths(seed), seed))

    for tokens in (10, 100, 300):
        assert mean_s(found, tokens) == pytest.approx(mean_s(latency, tokens), rel=0.08)
    assert found.median_s == pytest.approx(latency.median_s, rel=0.25)
    assert found.token_s == pytest.approx(latency.token_s, rel=0.2)


def test_a_provider_that_always_takes_the_same_time_is_known_exactly():
    found = latency_of(drawn(Latency(0.7, None, 0.01, None), lengths(1), 1))

    assert found == Latency(0.7, None, 0.01, None)


def test_a_few_calls_that_hung_do_not_make_the_others_slow():
    pairs = drawn(SLOW, lengths(3), 3)
    hung = [(tokens, 600.0 if place % 100 == 0 else seconds) for place, (tokens, seconds) in enumerate(pairs)]

    found = latency_of(hung)

    assert mean_s(found, 150) == pytest.approx(mean_s(SLOW, 150), rel=0.15)


def test_of_replies_that_are_all_as_long_the_time_is_that_of_the_first_token():
    found = latency_of([(100, 2.0), (101, 2.1), (99, 1.9)] * 40)

    assert (found.token_s, found.token_p99_s) == (0.0, None)
    assert found.median_s == pytest.approx(2.0, rel=0.02)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(1e-3, 1e4)), min_size=1, max_size=40))
def test_any_replies_at_all_come_to_times_that_a_provider_can_have(pairs):
    found = latency_of(pairs)

    Model(latency=found)  # refuses times that cannot be
    assert found.median_s > 0


def test_of_any_number_of_replies_as_many_are_kept_as_a_fit_needs_and_each_with_the_same_chance():
    sample = Sample()

    for place in range(20 * SAMPLE):
        sample.add(1, float(1 + place))

    assert (sample.count, len(sample.pairs)) == (20 * SAMPLE, SAMPLE)
    middle = sum(seconds for _, seconds in sample.pairs) / SAMPLE
    assert middle == pytest.approx(10 * SAMPLE, rel=0.06)


# ------------------------------------------------------------------------------------------------ journals


def write(folder, *lines):
    (folder / "journal.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def replies(many, **changes):
    names = count()
    return [reply_line(replace(a_reply(a_cell(f"c{next(names)}")), **changes)) for _ in range(many)]


def test_shares_and_lengths_are_those_of_the_journal(tmp_path):
    refused = types_line(a_classification(), (1,), {"schema": Paid(2), "surplus": Paid(9)})
    write(tmp_path, *replies(40, usage=Usage(1_000, 250, 0, 90, 30)), refused)

    traits = learn(tmp_path).models["m"]

    assert traits.replies == 40
    assert (traits.prompt_tokens, traits.completion_tokens, traits.reasoning_tokens) == (1_000, 90, 30)
    assert traits.cached_share == 0.25
    assert traits.record_tokens == {"evidence": 60}
    assert traits.refused == {"schema": 2 / 40}


def test_replies_that_were_cut_off_are_told_from_drafts_that_break_off_and_say_nothing_of_lengths(tmp_path):
    refused = types_line(a_classification(), (1,), {"truncated": Paid(5)})
    cut = [replace(line, finish_reason="length", usage=Usage(900, 0, 0, 10, 0)) for line in (a_reply(a_cell("x")),) * 3]
    write(tmp_path, *replies(37, usage=Usage(900, 0, 0, 90, 0)), *map(reply_line, cut), refused)

    traits = learn(tmp_path).models["m"]

    assert traits.record_tokens == {"evidence": 90}
    assert traits.refused == {"length": 3 / 40, "truncated": 2 / 40}
    assert {fault.kind: fault.rate for fault in traits.faults("m")}["length"] == pytest.approx(3 / 40)


def test_batches_tell_no_times_and_flex_tells_its_own(tmp_path):
    write(
        tmp_path,
        *replies(40, latency_s=2.0, tier="default"),
        *replies(40, latency_s=50.0, tier="flex"),
        *replies(40, latency_s=70_000.0, tier="batch"),
    )

    traits = learn(tmp_path).models["m"]
    behaviour = traits.behaviour(Model())

    assert traits.replies == 80
    assert behaviour.latency.median_s == pytest.approx(2)
    assert behaviour.flex.latency == Latency(50.0, None)


def test_damaged_and_unfinished_lines_count_as_absent(tmp_path):
    whole = replies(35)
    write(tmp_path, *whole[:30], whole[30].replace(b"1.5", b"9.5"), b"\x00" * 99, *whole[31:])
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(replies(1)[0])

    assert learn(tmp_path).replies == 34


def test_lines_of_other_versions_tell_what_they_can(tmp_path):
    stranger = framed(key("s"), "reply", {"of": "another program"})
    older = {name: value for name, value in orjson.loads(replies(1)[0]).items() if name not in {"k", "t", "c", "tier"}}
    write(tmp_path, *replies(33), stranger, framed(key("o"), "reply", older))

    assert learn(tmp_path).replies == 34


@pytest.mark.parametrize("latency_s", [0.0, -4.5, 1e300])
def test_seconds_that_no_call_takes_come_to_times_that_a_provider_can_have(tmp_path, latency_s):
    write(tmp_path, *replies(40, latency_s=latency_s))

    behaviour = learn(tmp_path).models["m"].behaviour(Model())

    assert 0 < behaviour.latency.median_s <= 1e6


def test_a_folder_without_a_run_or_without_a_reply_says_so_with_a_remedy(tmp_path):
    with pytest.raises(SetupError, match="no run"):
        learn(tmp_path)

    write(tmp_path, types_line(a_classification(), (1,), {}))

    with pytest.raises(SetupError, match=r"no reply yet.*--ttft-median-s"):
        learn(tmp_path)


def test_a_model_of_few_replies_is_said_to_be_a_guess(tmp_path):
    sure, unsure = learn(write(tmp_path, *replies(FEW))), learn(write(tmp_path, *replies(FEW - 1)))

    assert [*map(str, sure.about(["m"]))] == [f"Learned from 30 replies of {tmp_path}."]
    assert "Only 29 replies of m" in unsure.about(["m"])[1]


def test_a_model_that_a_profile_does_not_know_is_said_to_be_as_usual(tmp_path):
    profile = learn(write(tmp_path, *replies(FEW - 1)))

    assert profile.about(["x", "y"]) == (
        f"Learned from 29 replies of {tmp_path}.",
        "There is no reply of x, y among them: what is usual is assumed.",
    )


def test_a_run_that_was_held_by_a_limit_that_no_journal_tells_says_so(tmp_path):
    played(tmp_path, Simulation(models={"*": Model(limits=Limits(rpm=60, announced=False))}), articles=12)

    [said] = [sentence for sentence in learn(tmp_path).about(["gpt-6-luna"]) if "429" in sentence]

    assert re.match(r"\d+% of the calls to gpt-6-luna were refused there for the rate .*--server-rpm", said)


# ------------------------------------------------------------------------------------------------ what comes of it


def test_what_is_not_known_of_a_provider_stays_as_it_is():
    simulation = Simulation(models={"*": Model(context_tokens=9_000), "other": Model(reasoning_tokens=7)}, seed=5)
    profile = Profile({"m": Traits(replies=99, latency=SLOW, refused={"refusal": 0.1})})

    applied = profile.applied(simulation)

    assert applied.behaviour("m") == Model(context_tokens=9_000, latency=SLOW)
    assert applied.behaviour("other") == Model(reasoning_tokens=7)
    assert applied.behaviour("unheard-of") == Model(context_tokens=9_000)
    assert applied.faults == (Fault("refusal", 0.1, models=("m",)),)
    assert applied.seed == 5


def test_failures_in_passing_are_those_that_were_counted_without_the_lost_ones():
    traits = Traits(replies=900, passing=0.05, lost={"timeout": 0.02}, given_up={"content_filter": 0.01})

    faults = {fault.kind: fault for fault in traits.faults("m")}

    assert faults["503"].rate == pytest.approx(0.03 * 0.99)
    assert faults["hang"].rate == pytest.approx(0.02 * 0.99)
    assert faults["content_policy"].sticky


def test_checks_refuse_as_many_records_more_as_they_refused_beyond_those_of_the_simulator():
    few = Traits(replies=900, refused={"twin": 0.02, "secret": 0.01})
    many = Traits(replies=900, refused={"twin": 0.02, "unsupported": 0.12})

    assert few.faults("m") == ()
    (fault,) = many.faults("m")
    assert fault.kind == "invalid_arguments"
    assert fault.rate == pytest.approx(0.1 / 1.24)


def test_records_that_are_asked_for_again_are_refused_by_checks_as_well_without_a_fault_of_their_own():
    asked_again = Traits(replies=900, refused={"schema": 0.2, "twin": 0.09})

    (fault,) = asked_again.faults("m")

    assert fault.kind == "invalid_arguments"
    assert fault.rate == pytest.approx((0.29 - 0.04) / 1.24)


def test_records_are_as_long_as_those_that_were_learned():
    wordy = Traits(replies=900, record_tokens={"evidence": 218.0})
    terse = Traits(replies=900, record_tokens={"evidence": 54.5, "written": 0.0})

    assert wordy.behaviour(Model()).verbosity == pytest.approx(2)
    assert terse.behaviour(Model(verbosity=3)).verbosity == pytest.approx(0.5)


def test_a_provider_that_never_cached_what_calls_share_has_no_cache():
    cold = Traits(replies=900, shared_tokens=2_000_000)
    warm = Traits(replies=900, shared_tokens=2_000_000, cached_share=0.5)
    unasked = Traits(replies=900, prompt_tokens=2_000)

    assert cold.behaviour(Model()).cache.rule == "none"
    assert warm.behaviour(Model()).cache.rule == "by_name"
    assert unasked.behaviour(Model()).cache.rule == "by_name"


def test_times_at_the_flex_tier_and_its_room_are_learned():
    traits = Traits(replies=900, flex=SLOW, no_capacity=0.2)

    assert traits.behaviour(Model()).flex == Flex(latency=SLOW, unavailable=0.2)


shares = st.dictionaries(
    st.sampled_from(["timeout", "connection", "schema", "refusal", "twin", "content_filter"]), st.floats(0, 1)
)
all_traits = st.builds(
    Traits,
    replies=st.integers(1, 10**9),
    latency=st.none() | st.just(SLOW),
    flex=st.none() | st.just(SLOW),
    structured=st.booleans(),
    record_tokens=st.dictionaries(st.sampled_from(["evidence", "written"]), st.floats(0, 1e4)),
    passing=st.floats(0, 1),
    lost=shares,
    refused=shares,
    given_up=shares,
)


@given(st.dictionaries(st.text(min_size=1), all_traits, min_size=1, max_size=3))
def test_a_profile_is_the_same_after_it_was_a_file(tmp_path_factory, models):
    profile, file = Profile(models, "out"), tmp_path_factory.mktemp("profile") / "profile.json"
    file.write_bytes(profile.to_json())

    assert read_profile(file) == profile
    assert read_profile(file).applied(Simulation()) == profile.applied(Simulation())


def test_shares_of_replies_are_of_the_calls_that_brought_one():
    traits = Traits(replies=900, lost={"timeout": 0.5}, refused={"schema": 0.5}, given_up={"bad_request": 0.2})

    rates = {fault.kind: fault.rate for fault in traits.faults("m")}

    assert rates == pytest.approx({"bad_request": 0.2, "hang": 0.4, "invalid_arguments": 0.2})


def test_a_server_that_says_nothing_of_tokens_tells_no_lengths(tmp_path):
    write(tmp_path, *replies(40, usage=Usage()))

    traits = learn(tmp_path).models["m"]

    assert traits.record_tokens == {}
    assert traits.behaviour(Model()).verbosity == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "models"),
        (b"no JSON", "JSON"),
        (b"[" * 10_000, "JSON"),
        (b'{"models": {}}', "models"),
        (b'{"models": {"": {"replies": 9}}}', "models"),
        (b'{"models": {"m": {"replies": "many"}}}', "models.m.replies"),
        (b'{"models": {"m": {"replies": -1}}}', "models.m.replies"),
        (b'{"models": {"m": {"replies": 9, "latencyy": 1}}}', "models.m.latencyy"),
        (b'{"models": {"m": {"replies": 9}}, "version": 2}', "version"),
        (b'{"models": {"m": {"replies": 9, "reasoning_tokens": NaN}}}', "models.m.reasoning_tokens"),
        (b'{"models": {"m": {"replies": 9, "reasoning_tokens": 1e400}}}', "models.m.reasoning_tokens"),
        (b'{"models": {"m": {"replies": 9, "record_tokens": {"evidence": 1e300}}}}', "record_tokens.evidence"),
        (b'{"models": {"m": {"replies": 9, "lost": {"timeout": -1}}}}', "models.m.lost.timeout"),
        (b'{"models": {"m": {"replies": 9, "passing": 5}}}', "models.m.passing"),
        (b'{"models": {"m": {"replies": 9, "latency": {"median_s": NaN}}}}', "median_s"),
        (b'{"models": {"m": {"replies": 9, "latency": {"median_s": 1, "p99": 2}}}}', "models.m.latency.p99"),
        (b'{"models": {"m": {"replies": 9, "latency": {"median_s": 2, "p99_s": 1}}}}', "p99_s"),
    ],
)
def test_a_file_that_is_no_profile_is_refused_by_what_is_wrong_in_it(tmp_path, content, said):
    file = tmp_path / "profile.json"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=rf"profile.json is no profile of a run: .*{said}.*--save-profile"):
        read_profile(file)


def test_a_profile_that_is_not_there_is_said_to_be_unreadable(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_profile(tmp_path / "absent.json")


# ------------------------------------------------------------------------------------------------ whole runs


def played(folder, simulation, articles=30):
    """Play a run in virtual time; return its virtual seconds, and what the provider has seen."""
    provider = Provider(simulation)

    async def main():
        async with Session(folder, client=SimulatedClient(provider), max_concurrency=4, timeout_s=20) as session:
            began_s = anyio.current_time()
            async for _ in session.stream(LIMITS.format(n=n) for n in range(articles)):
                pass
            return anyio.current_time() - began_s

    return run_virtually(main()), provider.statistics


def test_a_run_that_is_rehearsed_with_what_it_taught_goes_as_it_went(tmp_path):
    faults = (Fault("invalid_arguments", 0.1), Fault("503", 0.05), Fault("hang", 0.02))
    real_s, real = played(tmp_path / "real", Simulation(models={"*": Model(latency=SLOW)}, faults=faults))

    profile = read_profile(tmp_path / "real")
    again_s, again = played(tmp_path / "again", profile.applied(Simulation(seed=77)))

    assert again_s == pytest.approx(real_s, rel=0.15)
    assert again.total.calls == pytest.approx(real.total.calls, rel=0.1)
    for kind in ("503", "hang"):
        assert again.total.outcomes[kind] == pytest.approx(real.total.outcomes[kind], rel=1.0)
    assert orjson.loads(profile.to_json())["learned_from"] == str(tmp_path / "real")


def test_records_of_a_rehearsal_are_as_long_as_those_of_the_run_whatever_its_articles_are_like(tmp_path):
    articles = [LIMITS.format(n=n) for n in range(12)]
    _, real = played(tmp_path, Simulation(models={"*": Model(verbosity=1.5)}), articles=12)

    again = rehearse(articles, provider=tmp_path, advice=False, max_concurrency=4)

    completion_tokens = sum(usage.completion_tokens for usage in again.observed.usage.values())
    assert completion_tokens == pytest.approx(real.total.billed.completion_tokens, rel=0.02)


def test_a_profile_is_saved_by_the_command_and_read_in_the_place_of_its_run(tmp_path, capsys):
    run, file = tmp_path / "run", tmp_path / "profile.json"
    played(run, Simulation(models={"*": Model(latency=SLOW)}), articles=3)
    source = tmp_path / "some.md"
    source.write_text(LIMITS.format(n=1))

    assert main(["rehearse", str(source), "--no-advice", "--profile", str(run), "--save-profile", str(file)]) == 0
    first = capsys.readouterr().out
    assert main(["rehearse", str(source), "--no-advice", "--profile", str(file)]) == 0

    assert read_profile(file) == learn(run)
    assert "Learned from 12 replies of" in first
    assert timeless(capsys.readouterr().out) == timeless(first)


def timeless(report):
    """Return a report without what depends on this machine."""
    return [line for line in report.splitlines() if not line.startswith(("CPU", "memory"))]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--save-profile", "profile.json"), "give both"),
        (
            ("--save-profile", "nowhere/profile.json", "--profile", "given.json"),
            "nowhere/profile.json cannot be written",
        ),
        (("--save-profile", "profile.json", "--config", "given.toml"), "cannot be used with --config"),
    ],
)
def test_a_profile_that_cannot_be_saved_is_refused_before_anything_is_played(
    tmp_path, monkeypatch, capsys, flags, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.json").write_bytes(Profile({"m": Traits(replies=99, latency=SLOW)}).to_json())
    (tmp_path / "some.md").write_text(LIMITS.format(n=1))

    assert main(["rehearse", "some.md", *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_profile_is_not_saved_over_what_a_run_has_paid_for(tmp_path, capsys):
    run, source = tmp_path / "run", tmp_path / "some.md"
    played(run, Simulation(), articles=1)
    source.write_text(LIMITS.format(n=1))
    journal, link = run / "journal.jsonl", tmp_path / "profile.json"
    link.symlink_to(journal)
    before = journal.read_bytes()

    codes = [
        main(["rehearse", str(source), "--profile", str(run), "--save-profile", str(file)]) for file in (journal, link)
    ]

    assert codes == [2, 2]
    assert "is a file of the run itself" in capsys.readouterr().err
    assert journal.read_bytes() == before


def test_a_profile_can_be_saved_to_what_cannot_be_read_back(tmp_path, capsys):
    run, source = tmp_path / "run", tmp_path / "some.md"
    played(run, Simulation(), articles=1)
    source.write_text(LIMITS.format(n=1))

    code = main(["rehearse", str(source), "--no-advice", "--profile", str(run), "--save-profile", "/dev/null"])

    assert code == 0
    assert "Learned from" in capsys.readouterr().out
