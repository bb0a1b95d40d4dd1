"""Talk about an article that those who see the record alone have never seen: "the author", "as mentioned above".

Two kinds of phrases are told apart. Some are about a text whatever the field is: "according to the article", "the
author recommends". Others are ordinary words of some fields, such as the articles of a law or the authors in a table of
books: where the article has the noun beyond speaking of itself, it is a word like others. What the article itself says
just so is never a defect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .case import Case, Check, Part

_NOUN = (
    r"(?:article|passage|excerpt|section|document|paragraph|text|blog post|post|author|tutorial|readme|page|snippet)"
)
_GIVENS = ("provided", "given", "above", "following", "preceding", "original", "supplied", "aforementioned")
_GIVEN = rf"(?:{'|'.join(_GIVENS)})"
_TELLS = (
    r"(?:says?|states?|mentions?|describes?|discusses|discuss|explains?|notes?|lists?|covers?|recommends?|highlights?|"
    r"outlines?|emphasi[sz]es?|suggests?|points? out|advises?|warns?|argues?|presents?|introduces?|claims?|writes?|"
    r"concludes?|focuses|talks? about|refers? to|shows?|provides?|details?)"
)
_SAYING = re.compile(
    rf"th(?:e|is) (?:"
    rf"(?:{_GIVEN} )?(?:article|passage|excerpt|text|author|readme|blog post|tutorial|paragraph)s? "
    rf"(?:also |further |then |explicitly |only )?{_TELLS}\b"
    r"|(?:document|section|page|guide|chapter)s? (?:also |further |then )?"
    r"(?:points? out|discusses|discuss|explains?|mentions?|describes?|states?|emphasi[sz]es?|suggests?|recommends?|"
    r"argues?|concludes?|outlines?|highlights?|introduces?|talks? about)\b"
    rf"|{_GIVEN} (?:article|passage|excerpt|text|author|blog post|context|information|input|material)s?\b"
    r"|(?:article|text|passage|excerpt|context|author) (?:does not|doesn['’]t|did not) "
    r"(?:mention|say|state|specify|provide|explain|describe|discuss|cover|contain|include)\b"
    r"|(?:section|paragraph|passage|chapter|part) (?:about|above|titled|entitled|called)\b"
    r"|section on \w"
    r"|(?:article|text|passage|excerpt|paragraph|section|context|information) "
    r"(?:above|below|provided|given)\b(?! by\b| to\b| for\b)"
    r")"
)
_MENTION = re.compile(
    rf"th(?:e|is|at|ese) (?:{_GIVEN} )?"
    rf"(?:{_NOUN}|guide|chapter|part|context|information|input|material)"
)
"""Without it, none of the expressions about a text can match, but for "your"."""
_TAKEN = re.compile(
    r"(?:taken|said|given|provided|stated|learned|quoted|information|facts|details) (?:provided |given )?"
    r"(?:in|from|by) the (?:article|text|passage|excerpt|context|paragraphs?|material)\b"
    rf"|(?:in the context of|from|in) the {_GIVEN} {_NOUN}\b"
)
_INSIDE = re.compile(r"(?:(?:found|written|contained|answer) )?(?:in|from) the (?:article|passage|excerpt|paragraph)\b")
_REFERRING = re.compile(
    r"(?:according to|as per|based on|"
    r"(?:stated|described|mentioned|explained|noted|discussed|shown|outlined) (?:in|by)) "
    rf"(?:the|this|that|these|your) (?:{_GIVEN} )?{_NOUN}s?\b"
)
_REFERS = ("according to", "as per", "based on", "ed in ", "ed by ", "shown ")
_WITHIN = re.compile(rf"(?:in|from|by|of) th(?:is|e {_GIVEN}) {_NOUN}\b")
_SOURCES = tuple(
    f" the {noun}" for noun in ("article", "text", "passage", "excerpt", "context", "paragraph", "material", *_GIVENS)
)
_BACKWARDS = re.compile(
    r"(?:mentioned|described|noted|stated|discussed|explained|outlined) (?:above|below|earlier|previously|before)\b"
)
_NOUNS = {
    noun: re.compile(rf"\b(?:the|this) {noun}(?:s|['’]s)?\b(?! \d)", re.IGNORECASE)
    for noun in ("article", "author", "passage", "excerpt", "blog post")
}
"""Nouns that are talk wherever they are no word of the article's own."""
_STEMS = (
    *("article", "passage", "excerpt", "section", "document", "paragraph", "text", "post", "author", "tutorial"),
    *("readme", "page", "snippet", "information", "input", "material"),
)
_DIRECTIONS = ("above", "below", "earlier", "previously", "before")
_ELSEWHERE = re.compile(
    # German
    r"\b(?:laut|gemäß|nach|in) (?:dem|diesem|dieser|der) (?:vorliegenden |obigen |gegebenen )?(?:artikel|"
    r"textabschnitt|beitrag)\b"
    r"|\b(?:der|dieser|im) (?:artikel|autor|textabschnitt) (?:beschreibt|erklärt|erwähnt|nennt|sagt|schreibt|"
    r"empfiehlt)\b"
    r"|\bwie oben (?:erwähnt|beschrieben|genannt)\b|\bim (?:obigen |vorliegenden )?(?:artikel|textabschnitt)\b"
    # French
    r"|\b(?:selon|d['’]après) (?:l['’]article|le texte|l['’]auteur|ce texte|cet article)\b|\bdans (?:cet|l['’]) "
    r"?article\b"
    r"|\bl['’](?:article|auteur) (?:explique|décrit|mentionne|indique|précise|recommande)\b"
    r"|\bcomme (?:mentionné|indiqué|décrit) (?:ci-dessus|précédemment)\b"
    # Spanish
    r"|\b(?:según|de acuerdo con) (?:el|este) (?:artículo|texto|autor)\b|\ben (?:el|este) artículo\b"
    r"|\bel (?:artículo|autor) (?:explica|describe|menciona|indica|señala|recomienda)\b"
    r"|\bcomo se (?:mencionó|indicó|describió) (?:anteriormente|arriba)\b"
    # Portuguese
    r"|\b(?:segundo|de acordo com|conforme) (?:o|este) (?:artigo|texto|autor)\b|\bn(?:o|este) artigo\b"
    r"|\bo (?:artigo|autor) (?:explica|descreve|menciona|indica|recomenda)\b"
    r"|\bcomo mencionado (?:acima|anteriormente)\b"
    # Chinese
    r"|(?:根据|依据|按照)(?:本文|这篇文章|该文章|上述文章|文章|文中|所给文本)|(?:本文|这篇文章|该文|作者)(?:介绍|"
    r"指出|提到|认为|描述|说明|讨论|建议)"
    r"|如上(?:文)?所述|文章(?:中|里)?(?:提到|指出|介绍)"
    # Japanese
    r"|(?:この|本|上記の)(?:記事|文章)(?:では|によると|に|は|で)|(?:著者|筆者)(?:は|が|によると)|前述の(?:とおり|"
    r"通り)|上述の(?:とおり|通り)"
)
_HINTS = (
    "artikel",
    "textabschnitt",
    "l'article",
    "cet article",
    "l'auteur",
    "le texte",
    "el texto",
    "o texto",
    "artigo",
    "el autor",
)
"""Parts of them that are ASCII."""
_FOREIGN = (
    *("artikel", "textabschnitt", "beitrag", "autor", "wie oben", "article", "texte", "auteur", "ci-dessus"),
    *("précédemment", "artículo", "texto", "anteriormente", "arriba", "artigo", "acima"),
    *("文", "作者", "如上", "記事", "著者", "筆者", "前述", "上述"),
)
"""Parts of any of them."""


def _talk(case: Case) -> str | None:
    for part in case.written:
        found = next((phrase for phrase in _phrases(part, case) if not case.article_has(phrase)), None)
        if found is not None:
            return (
                f'The {part.name} speaks of a text that its reader cannot see ("{found[:60]}"); '
                "write about the matter itself."
            )
    return None


def _phrases(part: Part, case: Case) -> Iterator[str]:
    lowered = part.lowered
    if ("your " in lowered or _MENTION.search(lowered)) and any(stem in lowered for stem in _STEMS):
        yield from _english(lowered, case.article)
    if any(direction in lowered for direction in _DIRECTIONS):
        yield from _all(_BACKWARDS, lowered)
    if any(hint in lowered for hint in (_HINTS if part.text.isascii() else _FOREIGN)):
        yield from _all(_ELSEWHERE, lowered)


def _english(lowered: str, article: str) -> Iterator[str]:
    """Yield phrases about the nouns that mean a text or its author."""
    yield from _all(_SAYING, lowered)
    if " this " in lowered or any(given in lowered for given in _GIVENS):
        yield from _all(_WITHIN, lowered)
    yield from _referring(lowered, article)
    for noun, pattern in _NOUNS.items():
        if noun in lowered and not _own_word(article, noun):
            yield from _all(pattern, lowered)


def _referring(lowered: str, article: str) -> Iterator[str]:
    if any(words in lowered for words in _REFERS):
        yield from _all(_REFERRING, lowered)
    if any(source in lowered for source in _SOURCES):
        yield from _all(_TAKEN, lowered)
        for phrase in _all(_INSIDE, lowered):
            if not _own_word(article, phrase.rsplit(" ", 1)[-1]):
                yield phrase


def _all(pattern: re.Pattern[str], lowered: str) -> Iterator[str]:
    return (match[0] for match in pattern.finditer(lowered))


_OWN_TIMES = 2


@lru_cache(maxsize=256)
def _own_word(article: str, noun: str) -> bool:
    """Whether `noun` is a word of the article's field, beyond what the article says of itself."""
    mentions = re.findall(rf"(?<!this )(?<!the )\b{noun}", article, re.IGNORECASE)
    return len(mentions) >= _OWN_TIMES


TALK: tuple[Check, ...] = (
    Check("article_talk", "Talk about an article, author or passage that the record does not show.", _talk),
)
