"""Whether the input of a record shows what its type is about: a question about code needs code to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ...types import InputMode, Shows
from .case import Case
from .names import is_known, named
from .tokens import Word, stem_of
from .wordlist import listed

# ------------------------------------------------------------------------------------------------------------- code

_CODE = re.compile(
    r"```|~~~|<pre\b|<code\b|[=!<>]=|:=|[;{}][ \t]*$"
    r"|`[^`\n]+[ =(:/<-][^`\n]*`"  # more than a name between backticks
    r"|::[ \t]*\n\s*\n[ \t]",
    re.MULTILINE,
)
"""All of it begins with a sign."""
_CODE_LINE = re.compile(
    r"\n(?:-{4,}$|(?: {4}|\t)\s*\S"  # blocks
    r"|[ \t]*(?:(?:\$|\w+[$>#]) \S"  # prompts of a shell
    r"|[\w.-]+[ \t]*=[ \t]*\S|[a-z][\w.-]*:[ \t]*\S+$))",  # settings
    re.MULTILINE,
)
_CODE_WORDS = (
    ("(", re.compile(r"\w\([^()\n]*\)|\w\.\w+\.\w+\(")),
    ("=", re.compile(r"\w=[\w\"'/{\[]")),
    ("--", re.compile(r"(?<![\w-])--[a-z][\w-]+")),
)
"""What else shows code, and what is in all of it."""
_QUERY = re.compile(
    r"\bSELECT\s.{1,200}\sFROM\s|\b(?:CREATE|ALTER|DROP)\s+[A-Z]+\s|\bINSERT\s+INTO\s|\bUPDATE\s+\S+\s+SET\s"
    r"|\bDELETE\s+FROM\s|\bGRANT\s+[A-Z]+\s"
)
_VERBS = ("SELECT", "CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "GRANT")


def _code(case: Case) -> bool:
    text = case.draft.input
    return (
        _CODE.search(text) is not None
        or _CODE_LINE.search(f"\n{text}") is not None
        or any(sign in text and pattern.search(text) for sign, pattern in _CODE_WORDS)
        or (any(verb in text for verb in _VERBS) and _QUERY.search(text) is not None)
    )


# ---------------------------------------------------------------------------------------------------------- caution

_CAUTION = re.compile(
    r"\b(?:not|never|cannot|can['’]t|won['’]t|don['’]t|doesn['’]t|isn['’]t|aren['’]t|avoid\w*|warn\w*|caution\w*|danger\w*"
    r"|risk\w*|careful\w*|beware|unsafe|unsupported|unavailable|unless|otherwise|limit\w*|restrict\w*|deprecat\w*"
    r"|discourag\w*|fail\w*|error\w*|exception\w*|los[est]\w*|break\w*|broken|problem\w*|issue\w*|pitfall\w*|drawback\w*"
    r"|disadvantage\w*|harm\w*|bad(?:ly)?|wrong\w*|slow\w*|must|only|at (?:most|least)|no more|maximum|minimum|instead"
    r"|important\w*|note|however|too|downside\w*|trade-?offs?|expensive|costl?y?|without|worse|bug\w*|crash\w*|vulnerab\w*"
    r"|damag\w*|destroy\w*|ruin\w*|spoil\w*|corrod\w*|corrupt\w*|degrad\w*|deteriorat\w*|worsen\w*|weaken\w*|overload\w*"
    r"|overheat\w*|leak\w*|exceed\w*|beyond|injur\w*|toxic\w*|poison\w*|hazard\w*|threat\w*|attack\w*|illegal\w*|forbid\w*"
    r"|prohibit\w*|impossible|unable|incompatib\w*|insufficient\w*|inadequa\w*|hardly|barely|seldom|rarely|unlikely|suffer\w*"
    r"|poor\w*|harsh\w*|un(?:fit|suit|stabl|reliab|usab|want|desir|expect|sound|health|law|wise|predictab|defin|recover|protect"
    r"|encrypt|secur|trust|even)\w*"
    r")\b",
    re.IGNORECASE,
)
_FOREIGN_CAUTION = re.compile(
    # German, French, Spanish and Portuguese
    r"\b(?:nicht|kein\w*|nie(?:mals)?|achtung|vorsicht\w*|warnung\w*|gefahr\w*|gefähr\w*|risik\w*|vermeid\w*|grenz\w*|fehler\w*"
    r"|problem\w*|muss|müssen|nur|höchstens|mindestens|verlier\w*|verlust\w*|allerdings|jedoch|wichtig\w*|ohne|sonst"
    r"|\w*schäd\w*|\w*schad\w*|zerstör\w*|verbot\w*|verbiete\w*|unmöglich\w*|unzulässig\w*|kaum|selten|erst|droh\w*|überlast\w*"
    r"|endommag\w*|détrui\w*|interdi\w*|impossible\w*|rarement|nui[rst]\w*|nocif\w*|dépass\w*"
    r"|daña\w*|daño\w*|destru\w*|prohib\w*|imposible\w*|apenas|supera\w*|proib\w*|impossível|danifica\w*"
    r"|ne|pas|jamais|attention|avertissement\w*|risque\w*|évite\w*|limit\w*|erreur\w*|problème\w*|seulement|doit|doivent"
    r"|sans|sinon|cependant|toutefois|important\w*|perd\w*|échou\w*|échec\w*|dangereu\w*|prudence|aucun\w*"
    r"|no|nunca|jamás|cuidado|advertencia\w*|peligro\w*|riesgo\w*|evit\w*|límite\w*|errore?s?|sólo|solo|debe\w*|sin"
    r"|embargo|importante\w*|perder\w*|pérdida\w*|fall[aoe]\w*|não|perigo\w*|risco\w*|erro|erros|somente|apenas|deve\w*|sem"
    r"|porém|atenção|aviso\w*)\b",
    re.IGNORECASE,
)
_ENGLISH = re.compile(r"\b(?:the|of|and|is)\b", re.IGNORECASE)
_LITTLE_WORDS = 0.15
"""Share of little words such as "of", in the languages whose words for cautions are known, by which one knows them."""


def _caution(case: Case) -> bool:
    text = case.draft.input
    if _CAUTION.search(text) is not None:
        return True
    if _ENGLISH.search(text) is not None:
        return False
    return _FOREIGN_CAUTION.search(text) is not None or not _in_known_language(case)


def _in_known_language(case: Case) -> bool:
    words = [word for word in case.said.input.words if word.text[:1].isalpha() and word.shape != "code"]
    return sum(not word.stem for word in words) >= _LITTLE_WORDS * len(words)


# ---------------------------------------------------------------------------------------------------------- options

_KEY = re.compile(r"^[ \t]*[\w.-]+[ \t]*=|^[ \t]*[a-z][\w.-]*:[ \t]*\S|`[^`\n]+`|\b\w+=\S|<code", re.MULTILINE)
_SPELLED_AS_OPTION = re.compile(r"--?[a-z]|\w*[^\W\d]_\w|[a-z]\w*[a-z][A-Z]|[^\W\d]\w*\.[^\W\d]")


def _option(case: Case) -> bool:
    """Tell whether something is spelled as options are; names such as CPU count if the instruction asks about them."""
    said = case.said
    asked = said.instruction.stems
    names = (word for word in said.input.words if word.shape == "code")
    if any((word.text.isupper() and word.stem in asked) or _SPELLED_AS_OPTION.match(word.text) for word in names):
        return True
    return _KEY.search(case.draft.input) is not None


# ------------------------------------------------------------------------------------------------------------- pair

_COMPARING = frozenset(
    stem_of(word)
    for word in listed(
        "advantage alike apart better both choose common compare comparison contrast differ difference disadvantage "
        "distinguish distinct dis favour pick point pros cons prefer preferable reach respect set side similar speak "
        "tell versus way"
    )
)
"""Stems of words that only say that two things are compared."""


def _pair(case: Case) -> bool:
    """Tell whether the input has what is compared: every name in the instruction, and two things in all."""
    said = case.said
    if not all(is_known(word, said.given) for word in named(said.instruction) if word.stem not in _COMPARING):
        return False
    return said.facts.wide or _things(said.instruction.words, said.input.stems) > 1


def _things(words: Iterable[Word], known: frozenset[str]) -> int:
    """Return how many things that words name are known; words next to each other name one."""
    things, before = 0, False
    for word in words:
        here = word.stem not in _COMPARING and not known.isdisjoint(word.parts)
        things += here and not before
        before = here
    return things


# ------------------------------------------------------------------------------------------------------------ steps

_NUMBERED = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.)]|[-*+•]|\.{1,3}|#\.|[a-z][.)])[ \t]+\S|<li\b", re.MULTILINE)
_ORDER = re.compile(
    r"\b(?:first(?:ly)?|then|next|finally|afterwards|after(?: that)?|before|once|step\w*|follow\w*"
    r"|zuerst|dann|danach|anschließend|schließlich|schritt\w*|d'abord|ensuite|puis|enfin|étape\w*|primero|luego|después|paso\w*|primeiro|depois|passo\w*)\b",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"(?:^|[.!?:;,][)\"']*\s+|\b(?:and|then|to|or|can|should|must|you)\s+)(?:[A-Z][a-z]+|[a-z]{2,})\s+"
    r"(?:the|a|an|your|it|them|this|these|that|all|each|any|some|one|two|another|with|in|on|to|from|for|up|\d|[`<\"A-Z_])",
    re.MULTILINE,
)


def _steps(case: Case) -> bool:
    text = case.draft.input
    if _code(case) or _NUMBERED.search(text) is not None or _ORDER.search(text) is not None:
        return True
    return len(_IMPERATIVE.findall(text)) > 1 or not text.isascii()


# ------------------------------------------------------------------------------------------------------------ check

_SHOWN: Mapping[Shows, tuple[Callable[[Case], bool], str]] = {
    "code": (_code, "the code, query, command or configuration that the record is about"),
    "caution": (_caution, "the limit, risk or warning that the record is about"),
    "option": (_option, "the setting that the record is about, spelled as it is"),
    "pair": (_pair, "both of the things that the instruction compares, under the names that it gives them"),
    "steps": (_steps, "the steps or commands that the output lists"),
}
_REMEDIES: Mapping[InputMode, str] = {
    "evidence": "name the paragraphs that have it among the evidence",
    "written": "write it into the input",
}


def missing_evidence(case: Case) -> str | None:
    """Find an input without what the record's type is about."""
    if case.type.shows is None:
        return None
    shown, what = _SHOWN[case.type.shows]
    return None if shown(case) else f"The input does not show {what}; {_REMEDIES[case.mode]}."
