"""What users may rely on: a change here is a change for them."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import qloragen
import qloragen.astra
import qloragen.classifiers
import qloragen.engine
import qloragen.errors
import qloragen.observing
import qloragen.simulator
import qloragen.sinks
import qloragen.testing

ROOT = Path(__file__).resolve().parents[1]


def test_the_public_names_are_these():
    assert qloragen.__all__ == sorted(qloragen.__all__)
    assert set(qloragen.__all__) == {
        "AccessDenied",
        "Article",
        "Assessment",
        "BudgetReached",
        "Calibration",
        "ChangesNotAccepted",
        "ClassifierFailed",
        "Delivered",
        "Estimate",
        "ExportSummary",
        "Interrupted",
        "ModelNotFound",
        "Outcome",
        "PackError",
        "ProviderUnavailable",
        "QloragenError",
        "QuotaExhausted",
        "Record",
        "Rehearsal",
        "Report",
        "RequestFailed",
        "RunLocked",
        "RunStopped",
        "Session",
        "Settings",
        "SettingsError",
        "SetupError",
        "SinkFailed",
        "Skip",
        "SourceError",
        "StorageFailed",
        "Summary",
        "Usage",
        "Verification",
        "acalibrate",
        "adeliver",
        "aestimate",
        "agenerate",
        "ajudge",
        "arehearse",
        "calibrate",
        "deliver",
        "estimate",
        "export",
        "generate",
        "judge",
        "quality_report",
        "rebuild",
        "rehearse",
        "reparse",
        "retry",
        "summary",
        "verify",
    }


def test_the_public_names_of_the_engine_are_these():
    assert qloragen.engine.__all__ == sorted(qloragen.engine.__all__)
    assert set(qloragen.engine.__all__) == {
        "Answer",
        "Ask",
        "Asking",
        "BatchProgress",
        "Bound",
        "Bounds",
        "Budget",
        "Cause",
        "Client",
        "Completion",
        "ConnectionLost",
        "Deciding",
        "Engine",
        "Family",
        "FastClient",
        "Function",
        "HttpReply",
        "Listing",
        "LostCall",
        "Message",
        "ModelSpec",
        "ModelStatistics",
        "OpenAIClient",
        "Pause",
        "Price",
        "Request",
        "RequestFailed",
        "RetryPolicy",
        "RunStopped",
        "Spending",
        "Stored",
        "StoredUnavailable",
        "UnreadableReply",
        "Usage",
        "Worst",
        "answer_of",
        "connect",
        "cost",
        "decode",
        "family",
        "function_for",
        "known_model",
        "lookup",
        "overridden",
        "stored",
    }


def test_the_public_names_for_classifiers_are_these():
    assert set(qloragen.classifiers.__all__) == {
        "Cascade",
        "Classifier",
        "Completion",
        "Decisions",
        "Invalid",
        "Json",
        "Message",
        "Numbers",
        "Predicate",
        "Request",
        "Subject",
        "Thresholds",
    }


def test_the_public_names_for_observers_are_these():
    assert set(qloragen.observing.__all__) == {
        "Allowance",
        "Article",
        "AttemptObserver",
        "BatchView",
        "Cell",
        "Completion",
        "ModelView",
        "Observer",
        "Paused",
        "Request",
        "Spent",
        "Usage",
        "View",
        "Watcher",
    }


def test_the_public_names_for_sinks_are_these():
    assert set(qloragen.sinks.__all__) == {"Emptiable", "Sink", "SqliteSink", "fields_of", "sink_of"}


def test_the_public_names_of_the_simulator_are_these():
    assert set(qloragen.simulator.__all__) == {
        "KINDS",
        "Answer",
        "Ask",
        "Batches",
        "Call",
        "Capacity",
        "Counts",
        "Effect",
        "Fault",
        "Flex",
        "Latency",
        "Limits",
        "Model",
        "Outage",
        "Plan",
        "PromptCache",
        "Provider",
        "Script",
        "SimulatedClient",
        "SimulatorServer",
        "Simulation",
        "Statistics",
        "Wire",
        "error",
    }


def test_the_public_names_for_astra_are_these():
    assert set(qloragen.astra.__all__) == {
        "AstraCollection",
        "AstraSink",
        "Fields",
        "astra_articles",
        "cassandra_token",
    }


@pytest.mark.parametrize(
    "module",
    [
        qloragen,
        qloragen.astra,
        qloragen.classifiers,
        qloragen.engine,
        qloragen.observing,
        qloragen.simulator,
        qloragen.sinks,
        qloragen.testing,
    ],
)
def test_every_public_name_is_there_and_says_what_it_is(module):
    for name in module.__all__:
        assert getattr(module, name).__doc__


def test_importing_the_library_leaves_the_slow_packages_alone():
    slow = "{'openai', 'httpx2', 'genai_prices', 'xllamacpp', 'aiohttp'}"

    check = f"import qloragen, sys; sys.exit(str({slow} & set(sys.modules)) if {slow} & set(sys.modules) else 0)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_importing_the_library_leaves_alone_what_only_rehearsals_displays_and_telemetry_need():
    seldom = "('qloragen.simulator', 'qloragen.rehearsing', 'qloragen.display', 'opentelemetry')"
    check = f"import qloragen, sys; sys.exit(str([name for name in sys.modules if name.startswith({seldom})] or ''))"

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""


def test_a_name_that_is_not_there_is_missed_as_in_any_module():
    with pytest.raises(AttributeError, match="'qloragen' has no attribute 'rehears'"):
        _ = qloragen.rehears


def test_importing_the_library_prints_and_configures_nothing():
    check = (
        "import logging, qloragen, structlog; assert not structlog.is_configured(); assert not logging.root.handlers"
    )

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_wheel_holds_the_prompts_and_the_page_and_says_that_it_is_typed(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert "qloragen/py.typed" in names
    assert "qloragen/engine/models.toml" in names
    page = ROOT / "qloragen/report/html"
    assert {f"qloragen/report/html/{file.relative_to(page)}" for file in page.glob("page.*")} <= set(names)
    assert {f"qloragen/report/html/js/{file.name}" for file in (page / "js").iterdir()} <= set(names)
    assert {f"qloragen/prompts/{file.name}" for file in (ROOT / "prompts").iterdir()} <= set(names)
    assert not [name for name in names if not name.startswith(("qloragen/", "qloragen-"))]


def test_pinned_requirements_carry_hashes_and_no_index_address():
    for file in (ROOT / "requirements").iterdir():
        text = file.read_text()
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    dependencies = tomllib.loads(text)["project"]["dependencies"]

    for dependency in dependencies:
        (line,) = [line for line in text.splitlines() if f'"{dependency}"' in line]
        assert line.partition("# ")[2]
