"""Instructions that lean on something unseen: "this setting", "the above command", "What does it do?".

An instruction may well say "it" of something that it has named before. So what counts is whether anything is named: any
word beyond those that stand in every question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .case import Case, Check
from .wordlist import listed

_THING = (
    r"(?:settings?|options?|commands?|examples?|configurations?|parameters?|features?|functions?|methods?|codes?|"
    r"snippets?|"
    r"approach|errors?|files?|tables?|steps?|process|tools?|scripts?|query|queries|statements?|classes|class|"
    r"property|properties|"
    r"flags?|values?|fields?|lines?|figures?|diagrams?|listings?|blocks?|procedures?|techniques?|problems?|"
    r"issues?|warnings?|"
    r"recipes?|rules?|provisions?|clauses?|treatments?|drugs?|medications?|conditions?|topics?|concepts?|systems?|"
    r"things?|ones?)"
)
_POINTS = re.compile(rf"\b(?:this|that|these|those) (?:\w+ )?{_THING}\b")
_UNSEEN = re.compile(
    rf"\b(?:the|this|these|those) (?:above|aforementioned|preceding|previous|foregoing|above-mentioned|given|"
    rf"provided|following) "
    rf"(?:\w+ ){{0,2}}{_THING}\b"
    rf"|\b(?:the|this|these) {_THING} (?:above|below|shown|given|provided|listed here)\b(?! to\b| by\b| in "
    rf"(?!this|the above)\b| as\b)"
    rf"|\b(?:in|from|of|does|do|is|explain|describe) (?:the )?(?:first|second|third|fourth|fifth|last|next|"
    rf"previous|other) "
    r"(?:code )?(?:example|listing|snippet|code block|figure|diagram|command|paragraph|section|excerpt|"
    r"passage)\b(?! of\b)"
    r"|\b(?:in|from|of|see|shown in) (?:example|figure|listing|snippet|code block|diagram|step) \d\b(?! of\b)"
    r"|\bthe above\b(?=[.?]| in | and |$)"
    r"|\b(?:shown|described|mentioned|listed|given|discussed) (?:above|below|earlier|previously|here)\b"
)
_UNSEEN_WORDS = listed(
    "aforementioned preceding previous foregoing following first second third fourth fifth last next other example "
    "figure listing snippet block diagram step"
)
_UNSEEN_PARTS = ("above", "below", "given", "provided", "shown", "listed", "earlier", "previously", "here")
"""Without one of those words between blanks, or one of these parts, there is no such phrase."""
_ABOVE_AT_END = re.compile(r"\b(?:above|below)[?.]?$")
_SUBJECT = re.compile(
    r"(?:(?:and |so |but )?(?:what|how|why|when|where|which|in what way|explain (?:how|what|why)|describe (?:how|"
    r"what|why)) )"
    r"(?:(?:does|do|is|are|was|were|can|could|should|would|will|did) )?"
    r"(?:it|they|this|that|these|those|its|their)\b"
    r"(?! (?:is|was|are|be)? ?(?:\w+ly )?(?:\w+ )?(?:to|that|for|if|when|whether|not|possible|necessary|important|"
    r"recommended|take)\b)"
)
_SAYS_NOTHING = listed(
    "case cases fix fixed related solve solved each own words situation here cause causes occur occurs avoid "
    "avoided prevent done make made take keep apply applied needed know understand consider recommend possible "
    "difference differences both a an and any are as at be by can could describe did do does explain explained "
    "explaining for from give given had has have how i if in into is it its itself list main may me mean meaning "
    "means might must my name need of on one or our please provide role say should show so some summarise "
    "summarize summary tell that the their them then there these they thing things this those to us use used "
    "useful user users uses using want was way ways we were what when where which who why will with work works "
    "would write you your about above below following previous next first second third advantage advantages "
    "benefit benefits purpose purposes important importance necessary recommended happen happens different detail "
    "details briefly step steps setting settings option options command commands example examples configuration "
    "configure configured parameter parameters feature features function functions method methods code snippet "
    "approach error errors file files process tool tools script property flag value values default defaults "
    "concept topic problem problems issue issues solution solutions limitation limitations caveat caveats warning "
    "result results effect effects impact reason reasons best practice practices key point points information "
    "advice system change changed changes control controls set help helps good bad also more most other others "
    "being been just only outline discuss line lines block implement implemented implementation compare handle "
    "handled run running doing section article text passage document author answer question"
)
_WORD = re.compile(r"[^\W_][\w.\-/']*")
_NAMED = re.compile(r"[`\"“'«「][^`\"”'»」]{2,}[`\"”'»」]|\w[_./:]\w|\d|[a-z][A-Z]|(?<=\w )[A-Z]\w|[A-Z]{2}")
"""What names something: quoted, an identifier, a number, a word with a capital inside the sentence."""
_OWN_TEXT = re.compile(r"```|\n|:\s*\S.{20,}", re.DOTALL)
"""An instruction that brings what it speaks of with it."""
_ELSEWHERE = re.compile(
    r"^(?:\w+ ){0,3}(?:dieser befehl|diese einstellung|dieses beispiel|diese option|der obige|die obige|das obige|"
    r"cette commande|cette option|"
    r"ce paramètre|cet exemple|este comando|esta opción|este ejemplo|este parâmetro|esta opção|este exemplo)\b"
    r"|^(?:\w+ ){0,4}(?:oben genannte|obenstehende|ci-dessus|mencionad[oa]s? (?:anteriormente|acima))\b"
    r"|^.{0,6}(?:上述|上面的|以上的|该命令|该设置|该选项|这个命令|这个设置|这个选项|这条命令)|^.{0,4}(?:上記|"
    r"この(?:コマンド|設定|オプション|例))"
)


def _dangling(case: Case) -> str | None:
    _, text, lowered = case.parts[0]
    if _leans(text.strip(), lowered.strip(), case.vocabularies[0]):
        return "The instruction speaks of something that it does not name; name it, so that it makes sense by itself."
    return None


def _leans(text: str, lowered: str, words: frozenset[str]) -> bool:
    if _OWN_TEXT.search(text):
        return False
    if not text.isascii() and _ELSEWHERE.match(lowered):
        return True
    if _speaks_of_unseen(lowered, words):
        return True
    return _names_nothing(text, lowered) or _points_before_naming(text, lowered)


def _speaks_of_unseen(lowered: str, words: frozenset[str]) -> bool:
    if _UNSEEN_WORDS.isdisjoint(words) and not any(part in lowered for part in _UNSEEN_PARTS):
        return False
    return bool(_UNSEEN.search(lowered) or _ABOVE_AT_END.search(lowered))


def _names_nothing(text: str, lowered: str) -> bool:
    """Whether an English request has nothing but words that stand in every request."""
    if not text.isascii() or _NAMED.search(text[1:]):
        return False
    words = _WORD.findall(lowered)
    return bool(words) and any(word in _SAYS_NOTHING for word in words) and not _content(words)


def _points_before_naming(text: str, lowered: str) -> bool:
    """Whether "this setting" comes before anything that it could mean, or "it" is what the request begins with."""
    if _SUBJECT.match(lowered):
        return True
    match = _POINTS.search(lowered)
    return match is not None and not (
        _content(_WORD.findall(lowered[: match.start()])) or _NAMED.search(text[1 : match.start()])
    )


def _content(words: Sequence[str]) -> bool:
    return any(word.rstrip(".'") not in _SAYS_NOTHING for word in words)


DANGLING: tuple[Check, ...] = (
    Check("dangling", "An instruction that speaks of something it does not name.", _dangling),
)
