"""Read a prompt pack from a folder, and say in one sentence each what is wrong with it.

A pack is `pack.toml` beside `classify.md`, `generate.md` and `training.md`. In the first two, one line
`=== ARTICLE ===` shows where the article goes: what is before it becomes the system message, what is after it follows
the article.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from ..domain.pack import FILLED_BY_CODE, DecideTexts, JudgeTexts, Pack, Prompt, RecordTexts
from ..domain.prior import Prior, Range
from ..errors import PackError
from ..template import fill, flaws, variables
from ..types import InstructionType
from .schema import JudgeTable, PackTable, PriorTable, RangeTable, TypeTable, entry_name, mistakes

MARKER = "=== ARTICLE ==="
"""The line of a prompt at which the article stands."""

TOML = "pack.toml"
PROMPTS = ("classify.md", "generate.md", "training.md")

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "classify.md": ("types",),
    "generate.md": ("guidance", "input_rules"),
    "training.md": ("instruction", "input", "output"),
}
_ONLY_AFTER_THE_ARTICLE = ("name", "guidance")


def load_pack(folder: Path | None = None, variables: Mapping[str, str] | None = None) -> Pack:
    """Read the pack in `folder`, or the default one, with `variables` in place of its own values.

    Raises:
        PackError: the pack has mistakes; the message is one sentence for each, with the file and the line or key.
    """
    place = folder or default_folder()
    table = _read_table(place / TOML)
    texts = {name: _read(place / name) for name in PROMPTS}
    _refuse(chain(_table_mistakes(place / TOML, table, texts), _prompt_mistakes(place, table, texts)))
    _refuse(_override_mistakes(place, table, variables or {}))
    return _pack(table, texts, {**table.variables, **(variables or {})})


def default_folder() -> Path:
    """Return where the default pack lies: inside the installed package, or beside it in a checkout.

    Raises:
        PackError: it is in neither place.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "prompts", package.parent / "prompts"):
        if (folder / TOML).is_file():
            return folder
    raise PackError(f"{package / 'prompts'}: the default prompt pack is not there; install qloragen again.")


def _refuse(sentences: Iterable[str]) -> None:
    found = tuple(sentences)
    if found:
        raise PackError("\n".join(found))


# ---------------------------------------------------------------------------------------------------------- reading


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PackError(f"{path}: the file is missing; a pack consists of {TOML}, {', '.join(PROMPTS)}.") from error
    except OSError as error:
        raise PackError(f"{path}: the file cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise PackError(f"{path}, line {line}: the text is not UTF-8.") from error


def _read_table(path: Path) -> PackTable:
    try:
        document = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{path}: this is not TOML: {error}.") from error
    try:
        return PackTable.model_validate(document)
    except ValidationError as error:
        raise PackError("\n".join(f"{path}: {clause}." for clause in mistakes(error, document))) from error


# --------------------------------------------------------------------------------------------------------- checking


def _table_mistakes(path: Path, table: PackTable, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong between the entries of pack.toml, each of which is right in itself."""
    for clause in chain(_double_types(table.types), _variable_mistakes(table, texts)):
        yield f"{path}: {clause}."


def _double_types(types: Iterable[TypeTable]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(types):
        where = entry_name(index, entry.slug)
        names = {name.casefold(): name for name in (entry.name, *entry.aliases)}
        claims = [("number", str(entry.number)), ("slug", entry.slug), *(("name or alias", name) for name in names)]
        for claim in claims:
            if claim in seen:
                yield f'{where} has the {claim[0]} "{claim[1]}", which {seen[claim]} has already'
            seen.setdefault(claim, where)


def _variable_mistakes(table: PackTable, texts: Mapping[str, str]) -> Iterator[str]:
    reserved = frozenset().union(*FILLED_BY_CODE.values())
    used = frozenset[str]().union(*map(variables, (*texts.values(), *(text for _, text in table.templates()))))
    for name in table.variables:
        if name in reserved:
            yield f"variables.{name} has a name that qloragen fills in itself; choose another"
        elif name not in used:
            yield f"variables.{name} is set but no text of the pack uses it"
    for key, text in table.templates():
        for flaw in flaws(text, {*table.variables, *FILLED_BY_CODE.get(key, ())}):
            yield f"{key} {flaw.what}"
    yield from _missing_variables(table)


def _missing_variables(table: PackTable) -> Iterator[str]:
    if "applies_when" not in variables(table.decide.predicate):
        yield "decide.predicate does not use ${applies_when}, so that all types would be judged alike"
    if "complaints" not in variables(table.again.generate):
        yield "again.generate does not use ${complaints}, so that a model would not learn what was wrong"
    if table.again.others and "instructions" not in variables(table.again.others):
        yield "again.others does not use ${instructions}, so that a model would not learn what there is already"
    if table.judge and "complaints" not in variables(table.judge.again):
        yield "judge.again does not use ${complaints}, so that a model would not learn what was wrong"


def _prompt_mistakes(place: Path, table: PackTable, texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        path = place / name
        for flaw in flaws(text, {*table.variables, *FILLED_BY_CODE[name]}):
            yield f"{path}, line {flaw.line}: the text {flaw.what}."
        for variable in _REQUIRED[name]:
            if variable not in variables(text):
                yield f"{path}: ${{{variable}}} is missing."
        yield from _marker_mistakes(path, text) if name != "training.md" else ()
    yield from _early_mistakes(place / "generate.md", texts["generate.md"])


def _marker_mistakes(path: Path, text: str) -> Iterator[str]:
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.strip() == MARKER]
    if not lines:
        yield f'{path}: the line "{MARKER}", which shows where the article goes, is missing.'
    for line in lines[1:]:
        yield f'{path}, line {line}: "{MARKER}" stands here a second time; the article goes in one place.'
    if len(lines) == 1:
        for where, part in zip(("before", "after"), _split(text), strict=True):
            if not part:
                yield f'{path}, line {lines[0]}: there is no text {where} "{MARKER}".'


def _early_mistakes(path: Path, text: str) -> Iterator[str]:
    """Yield uses of a type's own texts before the article, where all types must be alike."""
    for number, line in enumerate(text.partition(MARKER)[0].split("\n"), 1):
        for variable in _ONLY_AFTER_THE_ARTICLE:
            if f"${{{variable}}}" in line or f"${variable}" in line:
                yield f"{path}, line {number}: ${{{variable}}} may stand only after the article."


def _override_mistakes(place: Path, table: PackTable, values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if name not in table.variables:
            known = ", ".join(table.variables) or "none"
            yield f'{place / TOML}: the pack has no variable "{name}" to set (it has: {known}).'
        elif not value.strip():
            yield f"{place / TOML}: the value given for variables.{name} is empty."


# --------------------------------------------------------------------------------------------------------- building


def _split(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    at = next(number for number, line in enumerate(lines) if line.strip() == MARKER)
    return "\n".join(lines[:at]).strip(), "\n".join(lines[at + 1 :]).strip()


def _pack(table: PackTable, texts: Mapping[str, str], values: Mapping[str, str]) -> Pack:
    record = {key: fill(text, values) for key, text in table.record}
    judge = table.judge or _default_judge()
    return Pack(
        name=table.name,
        version=table.version,
        variables=values,
        types=tuple(_type(entry, values) for entry in sorted(table.types, key=lambda entry: entry.number)),
        classify=Prompt(*_split(texts["classify.md"])),
        classify_again=fill(table.again.classify, values),
        decide=DecideTexts(table.decide.system, table.decide.predicate, table.decide.substance),
        generate=Prompt(*_split(texts["generate.md"])),
        generate_again=table.again.generate,
        generate_others=table.again.others or "",
        input_rules={"evidence": fill(table.input.evidence, values), "written": fill(table.input.written, values)},
        record=RecordTexts(**record),
        judge=_judge(judge, values),
        training=texts["training.md"].strip("\n"),
        prior=_prior(table.prior) if table.prior else None,
    )


def _default_judge() -> JudgeTable:
    """Return how the default pack judges, for packs that do not say; its texts use no variables of a pack."""
    table = _read_table(default_folder() / TOML).judge
    if table is None:
        raise PackError(f"{default_folder() / TOML}: judge is missing; install qloragen again.")
    return table


def _judge(table: JudgeTable, values: Mapping[str, str]) -> JudgeTexts:
    filled = {key: fill(text, values) for key, text in table.texts() if f"judge.{key}" not in FILLED_BY_CODE}
    questions = {key: filled.pop(f"questions.{key}") for key, _ in table.questions}
    return JudgeTexts(**filled, record=table.record, again=table.again, quotation=table.quotation, questions=questions)


def _prior(table: PriorTable) -> Prior:
    return Prior(
        types_per_article=_range(table.types_per_article),
        types_tokens=_range(table.types_tokens),
        record_tokens={
            "evidence": _range(table.record_tokens.evidence),
            "written": _range(table.record_tokens.written),
        },
        asks_per_record=_range(table.asks_per_record),
        accepted=_range(table.accepted),
        doubtful=_range(table.doubtful),
    )


def _range(table: RangeTable) -> Range:
    return Range(table.low, table.likely, table.high)


def _type(entry: TypeTable, values: Mapping[str, str]) -> InstructionType:
    return InstructionType(
        number=entry.number,
        slug=entry.slug,
        name=entry.name,
        always=entry.always,
        applies_when=fill(entry.applies_when, values),
        guidance=fill(entry.guidance, values),
        aliases=tuple(entry.aliases),
        needs=entry.needs,
        shows=entry.shows,
    )
