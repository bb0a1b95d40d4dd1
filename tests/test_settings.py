"""Settings: four places for every knob, and one sentence for every mistake."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from decimal import Decimal
from fnmatch import fnmatch
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from qloragen.assembly import BEYOND_THE_SMALLEST, job_of, locally
from qloragen.catalogue import listed
from qloragen.engine.models import Family
from qloragen.errors import SettingsError
from qloragen.local import LocalServer
from qloragen.pipeline.circumstances import circumstances_of
from qloragen.settings import ModelLimits, ModelSettings, Price, Settings, explain, load
from qloragen.thresholds import Thresholds
from qloragen.types import Stage

BOTH: tuple[Stage, ...] = ("classify", "generate")
ADDRESS_RULE = "must be a web address such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1"

SAMPLES: dict[str, list[tuple[str, object]]] = {
    "base_url": [("http://a/v1", "http://a/v1"), ("http://b/v1", "http://b/v1"), ("http://c/v1", "http://c/v1")],
    "local": [("a.gguf", Path("a.gguf")), ("true", True), ("/b.gguf", Path("/b.gguf"))],
    "pack": [("/a", Path("/a")), ("/b", Path("/b")), ("/c", Path("/c"))],
    "input": [("written", "written"), ("evidence", "evidence"), ("written", "written")],
    "max_types": [("3", 3), ("4", 4), ("5", 5)],
    "record_asks": [("3", 3), ("4", 4), ("1", 1)],
    "output_chars": [("300", 300), ("400", 400), ("500", 500)],
    "classifier": [("json", "json"), ("cascade", "cascade"), ("numbers", "numbers")],
    "decision_threshold": [("0.4", 0.4), ("0.3", 0.3), ("1", 1.0)],
    "classify_reads": [("outline", "outline"), ("article", "article"), ("outline", "outline")],
    "batch": [("true", True), ("false", False), ("yes", True)],
    "flex": [("true", True), ("false", False), ("yes", True)],
    "gates": [("true", True), ("false", False), ("yes", True)],
    "structure": [("tools", "tools"), ("json_schema", "json_schema"), ("json_object", "json_object")],
    "near_duplicates": [("skip", "skip"), ("keep", "keep"), ("skip", "skip")],
    "near_duplicate_similarity": [("0.85", 0.85), ("0.95", 0.95), ("1", 1.0)],
    "oversize": [("skip", "skip"), ("split", "split"), ("skip", "skip")],
    "log_format": [("json", "json"), ("console", "console"), ("json", "json")],
    "log_level": [("debug", "debug"), ("warning", "warning"), ("error", "error")],
    "telemetry": [("true", True), ("false", False), ("yes", True)],
    "temperature": [("0.5", 0.5), ("1", 1.0), ("2", 2.0)],
    "transport": [("aiohttp", "aiohttp"), ("openai", "openai"), ("aiohttp", "aiohttp")],
    "durability": [("process", "process"), ("record", "record"), ("group", "group")],
    "salvage": [("true", True), ("false", False), ("yes", True)],
    "accept_changes": [("true", True), ("false", False), ("yes", True)],
    "judge_same_family": [("true", True), ("false", False), ("yes", True)],
    "judge_controls": [("0.1", 0.1), ("0.2", 0.2), ("0.5", 0.5)],
    "judge_min_recall": [("0.5", 0.5), ("0.7", 0.7), ("1", 1.0)],
    "sinks": [("sqlite:/a.db", ("sqlite:/a.db",)), ("x, y", ("x", "y")), ("z", ("z",))],
    "max_cost_usd": [("1.10", Decimal("1.10")), ("2", Decimal(2)), ("3", Decimal(3))],
}
TEXTS = {
    "classify_model",
    "decide_model",
    "generate_model",
    "judge_model",
    "field_id",
    "field_content",
    "field_title",
    "field_url",
    "field_format",
}
TABLES = {"models", "pack_variables", "checks"}


def samples(knob: str) -> list[tuple[str, object]]:
    """Three values of a knob, each as text and as it is when read."""
    if knob in SAMPLES:
        return SAMPLES[knob]
    return [(text, text if knob in TEXTS else int(text)) for text in ("101", "202", "303")]


@pytest.fixture(autouse=True)
def clean_place(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.upper().startswith("QLORAGEN_") or name == "OPENAI_BASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("knob", sorted(set(Settings.model_fields) - TABLES))
def test_for_every_knob_an_argument_wins_over_the_environment_over_the_file_over_the_default(knob, monkeypatch):
    default = getattr(load(), knob)
    (in_file, from_file), (in_environment, from_environment), (_, argument) = samples(knob)

    Path("qloragen.toml").write_text(f'{knob} = "{in_file}"\n')
    with_file = getattr(load(), knob)
    monkeypatch.setenv(f"QLORAGEN_{knob.upper()}", in_environment)
    with_environment = getattr(load(), knob)
    with_argument = getattr(load(**{knob: argument}), knob)

    assert default == Settings.model_fields[knob].default
    assert [with_file, with_environment, with_argument] == [from_file, from_environment, argument]


def test_thresholds_of_checks_are_merged_entry_by_entry(monkeypatch):
    Path("qloragen.toml").write_text(
        "[checks]\nprompt_echo = 0.1\ncopied = 0.1\nchrome = 0.1\n[checks.actions]\ntwin = 'flag'\nsecret = 'flag'\n"
    )
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"copied": 0.2, "chrome": 0.2, "actions": {"secret": "reject"}}')

    checks = load(checks={"chrome": 0.3}).checks

    assert (checks.prompt_echo, checks.copied, checks.chrome) == (0.1, 0.2, 0.3)
    assert checks.actions == {"twin": "flag", "secret": "reject"}
    assert checks.language_words == Thresholds().language_words
    assert load(checks=Thresholds(chrome=0.9)).checks.chrome == 0.9


def test_an_action_for_a_code_that_no_check_has_names_the_codes():
    with pytest.raises(
        SettingsError, match=r"checks.actions has 'twim', which is no check; did you mean twin\?.*secret"
    ):
        job_of(load(checks={"actions": {"twim": "flag"}}))

    assert job_of(load(checks={"actions": {"twin": "flag"}})).thresholds.actions == {"twin": "flag"}


class TestALocalModel:
    SERVER = LocalServer("http://127.0.0.1:1/v1", model="some", slots=1, context_tokens=4_096)

    def test_of_the_package_has_noted_in_its_records_what_would_refuse_nearly_all_of_them(self):
        actions = locally(load(local=True), self.SERVER).checks.actions

        assert actions["unsupported"] == "flag"
        assert not {"empty", "truncated", "copy", "secret", "twin"} & set(actions)

    def test_of_the_package_leaves_what_a_setting_says(self):
        found = locally(load(local=True, checks={"copied": 0.5, "actions": {"unsupported": "reject"}}), self.SERVER)

        assert (found.checks.actions["unsupported"], found.checks.actions["dangling"]) == ("reject", "flag")
        assert found.checks.copied == 0.5

    def test_of_ones_own_has_to_pass_all_checks(self):
        assert locally(load(local="some.gguf"), self.SERVER).checks == Thresholds()

    def test_names_only_checks_that_there_are(self):
        assert {*BEYOND_THE_SMALLEST} <= {check.code for check in listed(Thresholds()) if check.usual == "reject"}


def test_tables_of_models_are_merged_entry_by_entry(monkeypatch):
    Path("qloragen.toml").write_text(
        '[models."gpt-6.1-Luna"]\nrpm = 1\ntpm = 1\nmax_concurrency = 1\nprice = {prompt = 0.1, completion = 2}\n'
        '[models.other]\nstructure = "json_object"\n'
    )
    monkeypatch.setenv("QLORAGEN_MODELS", '{"gpt-6.1-Luna": {"rpm": 2, "tpm": 2}}')

    models = load(models={"gpt-6.1-Luna": ModelSettings(rpm=3)}).models

    assert models["gpt-6.1-Luna"] == ModelSettings(
        rpm=3, tpm=2, max_concurrency=1, price=Price(prompt=Decimal("0.1"), completion=Decimal(2))
    )
    assert models["other"].structure == "json_object"


def test_openais_base_url_stands_just_above_the_default(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://openai/v1")
    alone = load().base_url
    Path("qloragen.toml").write_text('base_url = "http://file/v1"')

    with_file = load().base_url

    assert alone == "http://openai/v1"
    assert with_file == "http://file/v1"


def test_thresholds_may_be_a_table_by_type_which_is_merged_entry_by_entry(monkeypatch):
    Path("qloragen.toml").write_text("[decision_threshold]\ncaveats = 0.6\n")
    in_file = load().decision_threshold
    monkeypatch.setenv("QLORAGEN_DECISION_THRESHOLD", '{"caveats": 0.7, "default": 0.4}')

    assert in_file == {"caveats": 0.6}
    assert load().decision_threshold == {"caveats": 0.7, "default": 0.4}
    assert load(decision_threshold={"caveats": 1}).decision_threshold == {"caveats": 1.0, "default": 0.4}


@pytest.mark.parametrize("value", ["high", 1.5, -0.1, "nan", {"caveats": 2}, {"caveats": "low"}, [0.5]])
def test_a_threshold_that_is_no_probability_is_refused_in_one_sentence(value):
    with pytest.raises(SettingsError, match="must be a probability from 0 to 1, or a table of them"):
        load(decision_threshold=value)


def test_a_threshold_for_a_type_that_the_pack_does_not_have_is_refused():
    with pytest.raises(SettingsError, match="decision_threshold has 'caveat'"):
        job_of(load(classifier="decisions", decision_threshold={"caveat": 0.6}))


@pytest.mark.parametrize(
    ("classifier", "models"),
    [
        ("numbers", ["sol", "luna"]),
        ("json", ["sol", "luna"]),
        ("decisions", ["mini", "luna"]),
        ("cascade", ["mini", "sol", "luna"]),
    ],
)
def test_the_models_of_a_run_are_those_that_its_classifier_calls_and_the_one_that_generates(classifier, models):
    settings = load(classifier=classifier, classify_model="sol", generate_model="luna", decide_model="mini")

    assert list(settings.for_run()) == models


def test_a_model_that_decides_and_generates_gets_the_smaller_limits():
    settings = load(classifier="decisions", classify_rpm=10, generate_rpm=100, generate_tpm=5)

    assert settings.for_run() == {"gpt-6-luna": ModelLimits(10, 5, "auto")}


def test_an_empty_variable_is_not_set_and_none_takes_back_what_the_file_sets(monkeypatch):
    Path("qloragen.toml").write_text("rpm = 5\ntpm = 6\n")
    monkeypatch.setenv("QLORAGEN_RPM", "")
    monkeypatch.setenv("QLORAGEN_TPM", "none")

    loaded = load()

    assert (loaded.rpm, loaded.tpm) == (5, None)


def test_an_argument_that_is_none_is_not_given(monkeypatch):
    monkeypatch.setenv("QLORAGEN_RPM", "7")

    assert load(rpm=None).rpm == 7


def test_another_file_can_be_named_and_its_relative_paths_start_at_it(monkeypatch, tmp_path):
    elsewhere = tmp_path / "team" / "settings.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text('pack = "our-pack"\nlocal = "/models/m.gguf"\n')
    monkeypatch.setenv("QLORAGEN_CONFIG", str(elsewhere))

    loaded = load()

    assert loaded.pack == tmp_path / "team" / "our-pack"
    assert loaded.local == Path("/models/m.gguf")


def test_settings_cannot_be_changed_afterwards():
    loaded = load()

    with pytest.raises(ValueError, match="frozen"):
        loaded.rpm = 3  # type: ignore[misc]  # that it is refused is what is tested


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rpm": 0}, "rpm must be 1 or more, not 0 (argument)."),
        ({"open_articles": 100_001}, "open_articles must be 100000 or less, not 100001 (argument)."),
        ({"max_calls": 2**63}, f"max_calls must be less than {2**63}, not {2**63} (argument)."),
        ({"max_cost_usd": "abc"}, "max_cost_usd must be a number, not 'abc' (argument)."),
        ({"batch_poll_s": "x"}, "batch_poll_s must be a number, not 'x' (argument)."),
        ({"accept_changes": "maybe"}, "accept_changes must be true or false, not 'maybe' (argument)."),
        ({"max_cost_usd": -1}, "max_cost_usd must be 0 or more, not -1 (argument)."),
        ({"temperature": 3}, "temperature must be 2 or less, not 3 (argument)."),
        ({"timeout_s": float("inf")}, "timeout_s must be a finite number, not inf (argument)."),
        ({"classify_model": ""}, "classify_model must not be empty, not '' (argument)."),
        ({"local": 5}, "local must be true, false or a path, not 5 (argument)."),
        (
            {"structure": "xml"},
            "structure must be 'auto', 'tools', 'json_schema' or 'json_object', not 'xml' (argument).",
        ),
        ({"rmp": 3}, "There is no setting rmp (argument); did you mean rpm?"),
        ({"zzzz": 3}, "There is no setting zzzz (argument); `qloragen settings` lists them all."),
        ({"models": {"a b": {"tmp": 1}}}, 'There is no setting models."a b".tmp (argument); did you mean tpm?'),
        ({"models": {"a": {"price": {"prompt": 1}}}}, "models.a.price (argument) lacks completion."),
        (
            {"models": {"a": {"parameters": {"x": [1]}}}},
            "models.a.parameters.x must be text, a number, true or false, not [1] (argument).",
        ),
        ({"pack_variables": {"subject": 1}}, "pack_variables.subject must be text, not 1 (argument)."),
        ({"models": {"a": 1}}, "models.a must be a table, not 1 (argument)."),
        ({"checks": 1}, "checks must be a table, not 1 (argument)."),
        ({"checks": {"copied": 2}}, "checks.copied must be 1 or less, not 2 (argument)."),
        ({"checks": {"copyed": 1}}, "There is no setting checks.copyed (argument); did you mean copied?"),
        (
            {"checks": {"actions": {"twin": "drop"}}},
            "checks.actions.twin must be 'reject', 'flag' or 'off', not 'drop' (argument).",
        ),
        (
            {"base_url": "me:secret@host/v1"},
            f"base_url {ADDRESS_RULE}, not '***@host/v1' (argument).",
        ),
        (
            {"base_url": "http://host:99999/v1"},
            f"base_url {ADDRESS_RULE}, not 'http://host:99999/v1' (argument).",
        ),
        (
            {"base_url": "http://host:port/v1"},
            f"base_url {ADDRESS_RULE}, not 'http://host:port/v1' (argument).",
        ),
        (
            {"base_url": "http://[::1/v1"},
            f"base_url {ADDRESS_RULE}, not 'http://[::1/v1' (argument).",
        ),
    ],
)
def test_a_mistake_in_an_argument_is_one_sentence(arguments, sentence):
    with pytest.raises(SettingsError) as caught:
        load(**arguments)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("QLORAGEN_RPM", "many", "rpm must be a whole number, not 'many' (environment QLORAGEN_RPM)."),
        ("QLORAGEN_RPMS", "3", "There is no setting QLORAGEN_RPMS (environment); did you mean QLORAGEN_RPM?"),
        ("QLORAGEN_MODELS", "[]", "models must be a table, not [] (environment QLORAGEN_MODELS)."),
        (
            "OPENAI_BASE_URL",
            "localhost:8000",
            f"base_url {ADDRESS_RULE}, not 'localhost:8000' (environment OPENAI_BASE_URL).",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_one_sentence_with_the_variable(variable, value, sentence, monkeypatch):
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as caught:
        load()

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"max_concurency = 3", "no setting max_concurency (qloragen.toml); did you mean max_concurrency?"),
        (b'[models.a]\nrpm = "x"', "models.a.rpm must be a whole number, not 'x' (qloragen.toml)."),
        (
            b"[models.a.price]\nprompts = 1\nprompt = 1\ncompletion = 1",
            "models.a.price.prompts (qloragen.toml); did you",
        ),
        (b"rpm = 1\nrpm 2", "qloragen.toml is not valid TOML: "),
        (b"rpm = 1\nrpm 2", "line 2"),
        (b'pack = "\xff"', "qloragen.toml is not UTF-8 text (byte 8)."),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence_with_the_file(text, sentence):
    Path("qloragen.toml").write_bytes(text)

    with pytest.raises(SettingsError) as caught:
        load()

    assert sentence in str(caught.value)


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("QLORAGEN_CONFIG", "nowhere.toml")

    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        load()


def test_every_knob_is_explained_with_value_and_origin(monkeypatch):
    Path("qloragen.toml").write_text('rpm = 5\n[models."m.1"]\ntpm = 9\nparameters = {seed = 1}\n')
    monkeypatch.setenv("QLORAGEN_TPM", "6")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:secret@host/v1")

    knobs = explain(max_concurrency=7, models={"m.1": ModelSettings(rpm=8)})

    told = {knob.name: (knob.variable, knob.value, knob.origin) for knob in knobs}
    assert told["rpm"] == ("QLORAGEN_RPM", 5, "qloragen.toml")
    assert told["tpm"] == ("QLORAGEN_TPM", 6, "environment QLORAGEN_TPM")
    assert told["max_concurrency"] == ("QLORAGEN_MAX_CONCURRENCY", 7, "argument")
    assert told["timeout_s"] == ("QLORAGEN_TIMEOUT_S", 120.0, "default")
    assert told["base_url"] == ("QLORAGEN_BASE_URL", "https://***@host/v1", "environment OPENAI_BASE_URL")
    assert told['models."m.1".rpm'] == ("QLORAGEN_MODELS", 8, "argument")
    assert told['models."m.1".tpm'] == ("QLORAGEN_MODELS", 9, "qloragen.toml")
    assert told['models."m.1".parameters.seed'] == ("QLORAGEN_MODELS", 1, "qloragen.toml")
    assert told["pack_variables"] == ("QLORAGEN_PACK_VARIABLES", {}, "default")
    assert all(knob.description for knob in knobs)
    assert {knob.name.partition(".")[0] for knob in knobs} == set(Settings.model_fields)


def test_what_is_written_down_holds_no_credentials():
    written = load(base_url="https://me:secret@host/v1", max_cost_usd=Decimal("2.50")).public()

    assert written["base_url"] == "https://***@host/v1"
    assert written["max_cost_usd"] == "2.50"
    assert set(written) == set(Settings.model_fields)


def test_neither_a_query_nor_a_table_is_written_down_with_its_secrets():
    given = {
        "base_url": "https://h/v1?tenant=a&code=secret1&secret2",
        "models": {"m": {"parameters": {"api_key": "secret3", "seed": 1}, "rpm": 5}},
        "pack_variables": {"password": "secret4", "audience": "experts"},
    }

    written = load(**given).public()
    told = {knob.name: knob.value for knob in explain(**given)}

    assert written["base_url"] == told["base_url"] == "https://h/v1?tenant=***&code=***&***"
    assert written["pack_variables"] == {"password": "***", "audience": "experts"}
    assert (told["models.m.parameters.api_key"], told["models.m.parameters.seed"]) == ("***", 1)
    assert (told["models.m.rpm"], told["pack_variables.password"]) == (5, "***")
    assert "secret" not in orjson.dumps(written).decode()


def test_a_key_among_the_parameters_is_no_part_of_what_a_run_is_worked_under():
    def circumstances(**parameters: str | int):
        return circumstances_of(job_of(load(models={"gpt-6-luna": {"parameters": parameters}})))

    now = circumstances(api_key="secret1", seed=1)

    assert "secret" not in repr(now)
    assert now == circumstances(api_key="secret2", seed=1)
    assert now != circumstances(api_key="secret1", seed=2)


def test_a_models_own_limit_wins_over_its_stages_over_everyones():
    loaded = load(
        rpm=100, tpm=1000, classify_rpm=10, classify_tpm=500, generate_max_concurrency=4, models={"strong": {"rpm": 7}}
    )

    assert loaded.for_model("strong", ["classify"]) == ModelLimits(7, 500, "auto")
    assert loaded.for_model("cheap", ["generate"]) == ModelLimits(100, 1000, 4)
    assert loaded.for_model("other", []) == ModelLimits(100, 1000, "auto")


def test_a_model_that_serves_both_stages_gets_the_smaller_limits():
    loaded = load(classify_rpm=10, generate_rpm=20, generate_tpm=30, classify_max_concurrency=5)

    assert loaded.for_model("m", BOTH) == ModelLimits(10, 30, 5)


def test_a_run_with_one_model_has_one_set_of_limits():
    loaded = load(classify_model="m", generate_model="m", max_concurrency=6)

    assert loaded.for_run() == {"m": ModelLimits(None, None, 6)}


@pytest.mark.parametrize("value", ["auto", 7, " 7 "])
def test_calls_in_flight_are_a_number_or_auto(value):
    assert load(max_concurrency=value).max_concurrency in {"auto", 7}


@pytest.mark.parametrize("value", [0, -1, "many", 1.5, True, "", 100_001, "9999999999"])
def test_nothing_else_is_a_number_of_calls_in_flight(value):
    with pytest.raises(SettingsError, match=r"max_concurrency.* must be a whole number from 1 to 100,000, or auto"):
        load(max_concurrency=value)


def test_a_number_of_calls_in_flight_is_a_tighter_limit_than_auto():
    loaded = load(classify_max_concurrency="auto", generate_max_concurrency=9)

    assert loaded.for_model("m", BOTH).max_concurrency == 9
    assert loaded.for_model("m", ["classify"]).max_concurrency == "auto"


def test_what_a_model_accepts_is_its_own_setting_then_everyones_then_left_to_its_family():
    own: dict[str, object] = {"structure": "auto", "sampling": False, "context_tokens": 4096, "rpm": 3}

    loaded = load(structure="tools", models={"m": own})

    assert loaded.family_changes("m") == {"structure": "auto", "sampling": False, "context_tokens": 4096}
    assert loaded.family_changes("other") == {"structure": "tools"}
    assert load().family_changes("other") == {}


def test_the_readme_has_every_knob_in_its_table():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    named = [name for knobs, _, told in rows for name in re.findall(r"`([a-z*_]+)`", f"{knobs} {told}")]

    assert [knob for knob in Settings.model_fields if not any(fnmatch(knob, name) for name in named)] == []


def test_every_field_that_a_family_can_be_given_exists_in_the_engine():
    family = {field.name for field in fields(Family)}

    limits = {"rpm", "tpm", "max_concurrency", "batch_enqueued_tokens", "max_cost_usd", "max_tokens", "max_calls"}
    assert set(ModelSettings.model_fields) - limits - {"price"} <= family


@given(knob=st.sampled_from(sorted(Settings.model_fields)), text=st.text(min_size=1).filter(lambda t: "\0" not in t))
@example(knob="models", text='{"a": {"price": null}}')
@example(knob="models", text='{"a": {"price": {"prompt": "NaN", "completion": 1}}}')
@example(knob="models", text='{"a": {"parameters": {"a": [1, {"b": null}]}}}')
@example(knob="models", text="{")
@example(knob="pack_variables", text='{"a": 1}')
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_any_variable_is_a_value_or_one_sentence_that_names_it(knob, text, monkeypatch):
    variable = f"QLORAGEN_{knob.upper()}"
    assume(encodable(text))

    with monkeypatch.context() as environment:
        environment.setenv(variable, text)
        complaint = what_load_says()

    assert complaint is None or variable in complaint


def what_load_says() -> str | None:
    try:
        explain()
    except SettingsError as error:
        return str(error)
    return None


def encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
