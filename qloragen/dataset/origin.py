"""Where the records of a run come from, as far as its files tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

from pydantic import ValidationError

from ..domain.checks.prose import prose_of, spoken
from ..manifest import Manifest, read_manifest
from ..report.gather import gathered
from ..report.moment import moment_of
from ..report.values import Report
from ..store.lines import article_of

_SAMPLE = 400
"""Records whose language is looked at."""
_WORDS, _CERTAINTY = 8, 0.6
"""Of so many words, and so certain, must a language be to count."""
_LEAST_SHARE = 0.05
"""Of the records whose language is known, for a language to be named."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A run, told to those who have its records and not the run."""

    report: Report
    manifest: Manifest | None
    hosts: Mapping[str, int]
    """Host of their addresses to articles, the most frequent first; those of private networks are not there."""
    formats: Mapping[str, int]
    """Markup to articles, the most frequent first."""
    languages: tuple[str, ...]
    """ISO 639 codes, the most frequent first; none where texts are too short to tell."""


def origin_of(folder: Path) -> Origin:
    """Read where the records of the run in `folder` come from: in three passes over its journal.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    with gathered(folder) as found:
        languages = languages_of(record.output for record in found.records(found.browsing(_SAMPLE)))
        hosts, formats = _articles(folder)
        return Origin(found.report, read_manifest(folder), hosts, formats, languages)
    raise AssertionError("unreachable")


def named(report: Report) -> Report:
    """Return a report in which models that are files are called by their names, without the folders they are in."""
    judge = [report.judged.model] if report.judged else []
    models = sorted({*(row.model for row in report.spent), *judge}, key=len, reverse=True)

    def told(text: str) -> str:
        return reduce(lambda said, model: said.replace(model, without_folders(model)), models, text)

    return replace(
        report,
        about={name: told(fact) for name, fact in report.about.items()},
        spent=tuple(replace(row, model=without_folders(row.model)) for row in report.spent),
        quality=tuple(replace(row, name=told(row.name)) for row in report.quality),
    )


def without_folders(name: str) -> str:
    """Return the last part of what is a path on a machine; a name like `org/model` is none."""
    if PureWindowsPath(name).drive or "\\" in name:
        return PureWindowsPath(name).name
    return PurePosixPath(name).name if name.startswith(("/", "~", ".")) else name


def _articles(folder: Path) -> tuple[Mapping[str, int], Mapping[str, int]]:
    hosts, formats = Counter[str | None](), Counter[str]()
    with moment_of(folder) as moment:
        for _, kind, line in moment.lines():
            if kind == "article":
                with suppress(ValidationError):  # a line of another program
                    article = article_of(line)
                    formats[article.format] += 1
                    hosts[public_host(article.url or "")] += 1
    return {host: count for host, count in hosts.most_common() if host}, dict(formats.most_common())


def public_host(url: str) -> str | None:
    """Return the host that an address names; None where it names none, or one of a private network."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    name, _, last = host.rpartition(".")
    private = last in {"local", "internal", "intranet", "lan", "localhost", "corp", "home"}
    return host if name and last.isalpha() and not private else None


def languages_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the languages of texts, the most frequent first."""
    found = Counter(spoken(prose_of(text)).known(_WORDS, _CERTAINTY) for text in texts)
    del found[None]
    return tuple(
        language for language, count in found.most_common() if language and count >= _LEAST_SHARE * found.total()
    )
