"""The closed vocabulary of classification replies: which words carry meaning there. All lower case.

A clause that holds no other words is an assertion about types; other words make it prose, and its loose numbers
prove nothing. English throughout, with the few words of other languages that lists are made of.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(text: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(text.split(), start=1)}


TYPES = _words(
    "type types typ typs typen tipo tipos number numbers nos nr num id ids category categories class classes "
    "label labels option options numéro numéros nummer nummern número números 类型"
)
"""Words that say: the number next to me is a type."""

JOINERS = _words("and or plus also too und oder et ou y e och og en then 和 及 と")
RANGE_WORDS = _words("to through thru bis à until till")
ALL = _words("any all every everything each alle alles tous toutes todos todas")
NOTHING = _words("none nothing null nil n/a keine keiner aucun aucune ninguno ninguna empty ∅")
"""Said for the whole answer: no type applies."""

NEGATORS = _words(
    "not no nor neither never except excluding exclude excludes excluded without minus besides unlike omit "
    "omitted omitting skip skipped reject rejected rejecting drop dropped ruled inapplicable irrelevant "
    "unsupported unfit none nicht kein keine außer ohne pas sauf sans excepto salvo sin lack lacks discarded "
    "unselected disqualified false"
)
WEIGHED = _words(
    "unable weigh weighing consider considered considering thought weighed candidate candidates wondered debated"
)
"""A type mentioned with these was looked at; whether it applies is not said."""

HEDGES = _words("maybe possibly perhaps arguably borderline potentially doubtful unsure vielleicht peut-être quizás")
APPLY = _words(
    "apply applies applied applying applicable fit fits fitting match matches matching relevant support supports "
    "supported work works suit suits suitable qualify qualifies hold holds valid appropriate correct true remain "
    "remains"
)
CHOICE = _words(
    "pick picks picked choose chose chosen choosing select selects selected selecting selection include includes "
    "included including assign assigned return classify classified classification answer answers result results "
    "go list listed use say choice choices are is be gives covers cover identified identify found suggest "
    "recommend recommended contains contain addresses warrants merits deserves demonstrates concerns yields "
    "touches get matched belongs falls output response conclusion verdict final"
)
AUXILIARY = _words(
    "do does did done is are was were be been being would will should can could may might must has have had am "
    "really clearly definitely certainly both either likely probably"
)
FILLERS = _words(
    "the a an of in to for with on at by from as that which this these those there here it its they them their i "
    "we you my our your me us article articles text passage above below following given only just exactly so well "
    "most best strongly all other others rest another instruction instructions based think believe opinion would "
    "'s sure okay ok certainly please always additionally additional what who main primary secondary first second "
    "again still any reply set i'd i'll i've evidence reason one it's that's d ll ve list some among between good "
    "clear direct directly content document post reading after overall therefore thus hence"
)
YES = _words("yes y true ✓ ja oui sí si applies applicable apply relevant included selected supported fits matches")
NO = _words("no n false ✗ nein non not none excluded rejected inapplicable irrelevant unsupported n/a doesn't isn't")
VERDICTS = _words("yes no y n true false ✓ ✗ ja nein oui non si sí")
"""These alone are a verdict on the type in front of them."""

COMMENTS = _words(
    "note notes reasoning reason reasons explanation rationale justification confidence confidences total count "
    "score scores rating comment comments remark remarks thoughts thinking analysis why details detail disclaimer "
    "ps"
)
"""What follows such a word and a colon is no answer."""

FOREIGN = _words(
    "step steps section sections chapter chapters part parts version versions node nodes figure figures fig table "
    "tables example examples page pages point points level levels phase week day line lines paragraph paragraphs "
    "question questions port year lunch episode issue ticket release stage round task lesson listing item "
    "appendix row column article articles java python"
)
"""The number after one of these counts or names something that is no type."""

COUNTED = _words("all top best these those following least most than over about another last next exactly within every")
"""The number after one of these is an amount."""

CLAUSE_BREAKS = _words("but however while whereas although though yet so therefore thus hence sondern mais pero")
"""Negation does not reach across these."""

BECAUSE = _words("because since as due for given")
"""After a type they open its reason."""

CONCLUSIONS = _words("so therefore thus hence overall conclusion summary finally")
ADDING = _words("also plus and additionally")

NUMBER_WORDS = _numbered(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
ROMANS = _numbered("I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX")

ARTICLES = _words("a an the of in on any and or for this that these to me with my your some its")
"""They make no difference between names."""

COUNTABLE = _words("that which others other applicable instruction relevant best")
"""Words of the vocabulary before which a number is an amount all the same."""

ANSWER_KEYS = _words(
    "types answer answers result results applicable selected selection classification classifications categories "
    "labels output numbers ids final matches matching relevant include included apply applies list choice choices"
)
"""Words in the keys of objects under which the answer stands."""

SILENT_KEYS = _words("explanations thought year article title version message error status model n size length summary")
"""With the words of comments: keys under which no answer stands."""

KNOWN = (
    TYPES | JOINERS | RANGE_WORDS | ALL | NOTHING | NEGATORS | WEIGHED | HEDGES | APPLY | CHOICE | AUXILIARY | FILLERS
    | YES | NO | CLAUSE_BREAKS | BECAUSE | frozenset(NUMBER_WORDS)
)  # fmt: skip
