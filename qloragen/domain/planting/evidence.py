"""Records without what their type needs: code, a caution, an option, the second of two things, or room in training."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from ...types import Draft, InstructionType
from .kind import Clean, Kind, kind
from .paraphrase import Voice, paraphrased
from .text import code_in, names, paragraphs, prose, some

_FEWEST_SENTENCES = 2


def _resting_on(clean: Clean, random: Random, fit: Callable[[str], bool]) -> Draft | None:
    """Return the record with other paragraphs of its article, of a kind, as its input, and an output out of these.

    Where a model writes its input itself, these are in other words and single sentences will do.
    """
    found = [piece for piece in paragraphs(clean.article) if fit(piece) and prose(piece)]
    if clean.mode == "written":
        found = [sentence for piece in paragraphs(clean.article) for sentence in prose(piece) if fit(sentence)]
    told = [sentence for piece in found for sentence in prose(piece)]
    if len(told) < _FEWEST_SENTENCES:
        return None
    if clean.mode == "written":
        chosen = some(told, random, 3, 7)
        voice = Voice(random, 0.4, filler=0.0)
        given, said = paraphrased(" ".join(chosen), voice, kept=" ".join(chosen)), some(chosen, random, 2, 4)
        output = paraphrased(" ".join(said), voice, kept=" ".join(said))
        return Draft(clean.draft.instruction, given, output) if fit(given) else None
    given = "\n\n".join(some(found, random, 1, 3))
    return Draft(clean.draft.instruction, given, " ".join(some(prose(given), random, 2, 5)))


def _of(shows: str, without: Callable[[str], bool]) -> Callable[[Clean, Random], Draft | None]:
    def plant(clean: Clean, random: Random) -> Draft | None:
        return _resting_on(clean, random, without) if clean.type.shows == shows else None

    return plant


_CODED = re.compile(r"`|<code|<pre|<tt|\$ |[{};=<>]|\w\(|\w/\w|--\w|\b[A-Z]{3,} [A-Z]{2,}|\w_\w|::|\n {2,}\S")


def _no_code(text: str) -> bool:
    return not code_in(text) and _CODED.search(text) is None


_CAREFUL = re.compile(
    r"(?i)\b(?:no|not|none|never|nor|neither|cannot|only|must|should|avoid\w*|warn\w*|caution\w*|careful\w*|limit\w*"
    r"|restrict\w*|fail\w*|errors?|risk\w*|problems?|issues?|unsupported|deprecated|removed?|however|but|although|unless"
    r"|without|los[est]\w*|danger\w*|experimental|beware|note|important\w*|recommend\w*|may|might|until|too"
    r"|bug\w*|wrong|harm\w*|unfortunately|except\w*|though|instead|expensive|slow\w*|cost\w*|drawback\w*|disadvantage\w*|otherwise"
    r"|prevent\w*|require\w*|need\w*|less|poor\w*|bad\w*|unavailable|out of|stale|conflict\w*|inconsisten\w*|impact\w*"
    r"|difficult\w*|hard|impossible|unable|incompatible|overhead|wary|critical\w*|ensure|can lead|down|crash\w*"
    r"|break\w*|broken|missing|unsafe|severe\w*|toxic|poison\w*|penalt\w*|illegal|mistake\w*|disable\w*|hazard\w*|burn\w*"
    r"|at (?:most|least)|maximum|minimum)\b|n['’]t\b|!"
)
"""Whatever may be read as a limit or warning: a text without any of it has none."""


def _no_caution(text: str) -> bool:
    return _CAREFUL.search(text) is None


_OPTION = re.compile(
    r"`|<code|<pre|<tt|\w_\w|[a-z][A-Z]|[=:{}<>#/\\]|(?<!\w)-|\d|\w\.\w|\b[A-Z]{5,}\b|(?i:\b(?:options?|settings?|set|configur\w+"
    r"|parameters?|defaults?|flags?|propert\w+|values?|enabl\w+|disabl\w+|true|false|variables?|fields?|arguments?|modes?"
    r"|adjust\w*|choose|chosen|specif\w+)\b)"
)
"""Whatever may be a setting or say something of one."""


def _no_option(text: str) -> bool:
    return _OPTION.search(text) is None


_STRONG = re.compile(
    r"(?i)\b(?:not|never|cannot|must|should|avoid\w*|warn\w*|caution\w*|careful\w*|limit\w*|restrict\w*|fail\w*|risk\w*"
    r"|unsupported|deprecated|los[est]\w*|danger\w*|problems?|errors?|however|only|but)\b|n['’]t\b"
)
_IN_LINE = re.compile(r"`[^`\n]*[ (;=][^`\n]*`|<pre|<code>[^<]*[ (;=]")
_SETTING = re.compile(r"`[^`\n]+`|<code|\w_\w|[a-z][A-Z]|--\w|\b\w+ ?[=:] ?\w|(?i:\b(?:default|options?|settings?)\b)")


def shows_what_it_needs(draft: Draft, wanted: InstructionType) -> bool:
    """Tell whether a draft has what its type needs; one without it is not clean."""
    match wanted.shows:
        case "code":
            return code_in(draft.input) != "" or _IN_LINE.search(draft.input) is not None
        case "caution":
            return _STRONG.search(draft.input) is not None
        case "option":
            return _SETTING.search(draft.input) is not None
        case "pair":
            asked = names(draft.instruction)
            return sum(name.casefold() in draft.input.casefold() for name in asked) > 1
        case _:
            return True


def _one_sided(clean: Clean, random: Random) -> Draft | None:
    """Leave one of the two things out of the input and the output, or ask about something that is not there."""
    if clean.type.shows != "pair":
        return None
    asked = [name for name in names(clean.draft.instruction) if name in clean.draft.input]
    if len(asked) < 2 or any(a in b or b in a for a, b in (asked[:2],)):
        return _compared_with_another(clean, random, asked)
    left_out = random.choice(asked[:2])
    other = asked[1 - asked.index(left_out)]
    folded = left_out.casefold()

    def fit(text: str) -> bool:
        return folded not in text.casefold()

    draft = _resting_on(clean, random, fit)
    return draft if draft and other in draft.input else _compared_with_another(clean, random, asked)


_AGAINST = (
    "How do {a} and {b} differ?",
    "Compare {a} with {b}.",
    "What are the differences between {a} and {b}, and which is better?",
)


def _compared_with_another(clean: Clean, random: Random, asked: Sequence[str]) -> Draft | None:
    """Ask about a thing of the input and another one that the article does not even name."""
    ours = asked or names(clean.draft.input)
    content = f"{clean.article.content}\n{clean.draft.input}".casefold()
    strangers = [
        clean.strangers[at] for at in random.sample(range(len(clean.strangers)), min(20, len(clean.strangers)))
    ]
    foreign = [name for other in strangers for name in names(other.draft.output) if name.casefold() not in content]
    if not ours or not foreign:
        return None
    form = random.choice(_AGAINST)
    return clean.having("instruction", form.replace("{a}", ours[0]).replace("{b}", random.choice(foreign)))


_CONTEXT_CHARS = 10_800
"""Some 2,700 tokens of prose: with the rest of the training prompt well over 2,048, and less than an input may have."""
_MOST_CHARS = 11_900


def _over_context(clean: Clean, random: Random) -> Draft | None:
    """Let the record rest on nearly the whole of a long article."""
    found = paragraphs(clean.article)
    if sum(map(len, found)) < _CONTEXT_CHARS:
        return None
    start, given = random.randrange(len(found)), ""
    for piece in (*found[start:], *found[:start]):
        said = paraphrased(piece, Voice(random, 0.4), code=True) if clean.mode == "written" else piece
        if len(given) + len(said) < _MOST_CHARS:
            given = f"{given}\n\n{said}".strip()
    given = f"{given}\n\n{clean.draft.input}" if len(given) < _CONTEXT_CHARS else given
    return clean.having("input", given) if _CONTEXT_CHARS <= len(given) <= _MOST_CHARS + 100 else None


EVIDENCE: tuple[Kind, ...] = (
    kind("no code for a code type", "missing_evidence", _of("code", _no_code)),
    kind("no caution for a caveats type", "missing_evidence", _of("caution", _no_caution)),
    kind("no option for a configuration type", "missing_evidence", _of("option", _no_option)),
    kind("one-sided comparison", "missing_evidence", _one_sided),
    kind("over the training context", "over_context", _over_context),
)
