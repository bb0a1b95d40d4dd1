"""The card of a dataset: what it holds, where that comes from, how it was made, and what it cost; as README.md.

Whatever others have named (hosts, models, packs, files) is escaped. No text of an article or a record is in it, and no
path of the machine that it was made on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..costs import usd
from ..export.form import Column
from ..report.rows import about
from ..report.tables import remark, value, verdict
from ..report.values import Report
from ..words import counted
from .blending import Mixed
from .front_matter import UNKNOWN, front_matter
from .hub import Part
from .markdown import escaped, section, table
from .origin import Origin, named, without_folders
from .splits import TRAIN, Split

_MOST_HOSTS = 10
_INPUTS = {
    "evidence": "Inputs are paragraphs of the articles, word for word: models named them, and code copied them.",
    "written": "Inputs were written by models, from the articles.",
}
_READERS = {
    "alpaca": "axolotl, LLaMA-Factory and torchtune take these columns as Alpaca's.",
    "text": "TRL's `SFTTrainer`, Unsloth and axolotl (`completion`) train on the column `text`.",
    "prompt-completion": "TRL's `SFTTrainer` trains on the completions alone.",
    "messages": "TRL's `SFTTrainer`, axolotl and LLaMA-Factory put the model's chat template around the messages.",
    "sharegpt": "axolotl, LLaMA-Factory and Unsloth take these conversations as ShareGPT's.",
    "openai": "OpenAI's fine-tuning takes the rows as lines of JSON.",
}
"""What reads a form as it is, by the form's name."""
_KINDS: Mapping[Column, str] = {
    "text": "text",
    "messages": "list of `role` and `content`",
    "conversations": "list of `from` and `value`",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made of a run's records."""

    form: str
    """Its name."""
    columns: Mapping[str, Column]
    parts: Mapping[Split, Part]
    examples: Mapping[Split, Mapping[str, int]]
    """Split to type to records, without general data."""
    license: str
    """An id of the hub's; see `license_of`."""
    mixed: Sequence[Mixed] = ()
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was asked for beyond the defaults, by option: `split` to `90/5/5`."""
    left_out: str = ""
    """How many records were left out, and why, in words."""
    notes: Sequence[str] = ()
    """What else there is to know, in sentences: of leakage between splits, of older records."""


def card(origin: Origin, exported: Exported) -> str:
    """Return the card of what was made of a run's records, with its front matter and a line end after it."""
    origin = replace(origin, report=named(origin.report))
    parts = (
        _opening(origin, exported),
        section("What is in it", _counts(exported), _columns(exported)),
        section("Where it comes from", _source(origin)),
        section("How it was made", _making(origin)),
        section("What was chosen", *_choice(exported)),
        section("General data", *_general(exported.mixed)),
        section("Quality", *_quality(origin.report)),
        section("Cost", *_cost(origin.report, origin.manifest.prices if origin.manifest else {})),
        section("How to use it", *_use(exported)),
        section("Licence", _licence(exported.license)),
    )
    body = "\n\n".join(part for part in parts if part)
    return f"{front_matter(exported.columns, exported.parts, exported.license, origin.languages)}\n{body}\n"


def _opening(origin: Origin, exported: Exported) -> str:
    records = sum(sum(by_type.values()) for by_type in exported.examples.values())
    most = "up to " if exported.left_out else ""  # with a record that was left out an article may have been
    from_articles = f"from {most}{_many(_articles(origin.report), 'article')}"
    if records > origin.report.diversity.records:  # articles that were changed, or are in no source any more, have some
        from_articles = f"from up to {_many(sum(origin.formats.values()), 'text')} of articles"
    return (
        f"# {_many(records, 'instruction record')} {from_articles}\n\n"
        "Each record is an instruction, an input that the answer rests on, and an output, for fine-tuning a language "
        "model. Language models wrote them and programs checked them; no person has read them all."
    )


def _articles(report: Report) -> int:
    """Return how many articles can have given records."""
    return next((step.onward for step in report.funnel if step.name == "classified"), 0)


def _many(count: int, noun: str) -> str:
    return counted(count, noun).replace(str(count), f"{count:,}", 1)


def _counts(exported: Exported) -> str:
    splits = list(exported.examples)
    slugs = sorted({slug for by_type in exported.examples.values() for slug in by_type})
    rows = [[escaped(slug), *(_count(exported.examples[split].get(slug, 0)) for split in splits)] for slug in slugs]
    rows += [
        [f"general data: {escaped(mixed.tag)}", *(_count(mixed.taken if split == TRAIN else 0) for split in splits)]
        for mixed in exported.mixed
    ]
    rows.append(["**all rows**", *(f"**{_count(_rows(exported, split))}**" for split in splits)])
    return table(["type", *splits], rows, len(splits))


def _rows(exported: Exported, split: Split) -> int:
    return exported.parts[split].rows if split in exported.parts else 0


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _columns(exported: Exported) -> str:
    columns = ", ".join(f"`{name}` ({_KINDS[column]})" for name, column in exported.columns.items())
    return f"The form is `{exported.form}`, its columns: {columns}."


def _source(origin: Origin) -> str:
    most = list(origin.hosts.items())[:_MOST_HOSTS]
    others = len(origin.hosts) - len(most)
    hosts = [*(f"{escaped(host)} ({count:,})" for host, count in most), *([f"{others:,} more"] if others else [])]
    facts = {
        "articles": f"{_articles(origin.report):,}",
        "from": ", ".join(hosts) or "their addresses are not known, or not public",
        "marked up as": ", ".join(f"{name} ({count:,})" for name, count in origin.formats.items()),
        "language of the records": ", ".join(origin.languages) or "not known",
    }
    return _listing(facts)


def _listing(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items() if fact)


def _making(origin: Origin) -> str:
    manifest, known = origin.manifest, origin.report.about
    written = _INPUTS.get(str(manifest.settings.get("input")), "") if manifest else ""
    facts = {
        "steps": "a model says which types of instruction an article supports; a model writes one record for each; "
        f"checks refuse what is not well made. {written}".rstrip(),
        "models and what they were for": escaped(known.get("models", "not known")),
        "prompts": f"pack {escaped(manifest.pack.name)}, version {escaped(manifest.pack.version)}, fingerprint "
        f"{escaped(manifest.pack.fingerprint)}"
        if manifest
        else "not known",
        "program": escaped(known.get("made with", "qloragen")),
        "last worked on": f"{manifest.updated:%Y-%m-%d}" if manifest else "",
    }
    return _listing(facts)


def _choice(exported: Exported) -> Iterator[str]:
    yield _listing({f"`{name}`": escaped(without_folders(asked)) for name, asked in exported.asked.items()})
    left_out = [f"left out: {exported.left_out}"] if exported.left_out else []
    yield "\n".join(f"- {escaped(said)}" for said in (*left_out, *exported.notes))


def _general(mixed: Sequence[Mixed]) -> Iterator[str]:
    if not mixed:
        return
    rows = [(escaped(one.tag), f"{one.taken:,}", about(one.share), about(one.wanted)) for one in mixed]
    yield (
        "Instruction data of others was mixed into the training split, so that a model keeps what it knew. The column "
        "`source`, where there is one, has the name of its file; records have `qloragen`."
    )
    yield table(("file", "rows", "share of the split", "asked for"), rows, 3)
    yield "**Its licences are its own**: look them up where it was published. They are not what this card's field says."


def _quality(report: Report) -> Iterator[str]:
    if not report.quality:
        return
    yield (
        f"Of {_many(report.diversity.records, 'record')} of the run's articles as they last were, in this data or not, "
        "as `qloragen report` measures it."
    )
    rows = [
        (*map(escaped, (verdict(row), row.name, row.goal, remark(row), value(row))), f"{row.of:,}")
        for row in report.quality
    ]
    yield table(("", "figure", "goal", "note", "value", "of"), rows, 2)


def _cost(report: Report, prices: Mapping[str, str]) -> Iterator[str]:
    yield "All that the run has cost, also for what came to nothing."
    rows = [
        (escaped(row.model), f"{row.calls:,}", usd(row.cost_usd), usd(row.per_thousand_usd)) for row in report.spent
    ]
    calls = sum(row.calls for row in report.spent)
    rows.append(("**all**", f"{calls:,}", usd(report.cost_usd), usd(report.per_thousand_usd)))
    yield table(("model", "calls", "USD", "USD per 1,000 accepted records"), rows, 3)
    yield (
        "An unknown cost is not zero: of some calls it is not known what they cost." if report.cost_usd is None else ""
    )
    yield _listing({f"price of {escaped(without_folders(model))}": escaped(said) for model, said in prices.items()})
    yield f"Judging has cost {usd(report.judged.cost_usd)} USD more." if report.judged else ""


def _use(exported: Exported) -> Iterator[str]:
    yield (
        "```python\nfrom datasets import load_dataset\n\n"
        'data = load_dataset("FOLDER")  # this folder, or its name on the hub\n'
        'print(data["train"][0])\n```'
    )
    yield f"{_READERS[exported.form]} `examples/qlora` in the sources of qloragen is a training from beginning to end."


def _licence(license: str) -> str:
    said = "No licence was named" if license == UNKNOWN else f"The field `license` says `{license}`"
    return (
        f"{said}; **the licence of the articles decides**. Inputs come from them, and outputs rest on these: what "
        "their licence does not allow, none of this data can. The terms of the models' providers hold as well."
    )
