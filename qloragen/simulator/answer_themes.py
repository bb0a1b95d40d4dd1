"""What a reader of English knows of kinds of questions: words that name one, signs in a text, and how one asks.

Prompts are read by these and by nothing else, so that they work for types that nobody here has thought of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_FOLDED = bytes(
    ord(chr(code).lower()) if chr(code).isalpha() and code < 128 else code if code >= 128 else 32 for code in range(256)
)
"""ASCII letters in lower case, everything else in ASCII a blank."""
_STEM_BYTES = 6


def words(text: str) -> list[bytes]:
    """Return the words of `text` in lower case, as UTF-8."""
    return text.encode("utf-8", "replace").translate(_FOLDED).split()


def stem(word: bytes) -> bytes:
    """Return roughly what the forms of a word have in common: `limits` and `limit`, `compare` and `comparison`."""
    return word.rstrip(b"s")[:_STEM_BYTES]


def stems(text: str) -> frozenset[bytes]:
    """Return the stems of all words of `text`, each once."""
    return stems_of(words(text))


def stems_of(listed: Iterable[bytes]) -> frozenset[bytes]:
    """Return the stem of each word, each once."""
    # As `stem` says, without a call for each word.
    return frozenset([word.rstrip(b"s")[:_STEM_BYTES] for word in frozenset(listed)])


@lru_cache(maxsize=2_048)
def known_stems(paragraph: str) -> frozenset[bytes]:
    """Return the stems of a `paragraph` that is likely to come again."""
    return stems(paragraph)


COMMON = stems(
    "a about all also an and another any are article as ask at be by can choose come comes content does each enough "
    "every for from gives has have here how if in instruction into is it its itself like makes may more name names no "
    "not of on one or other out output over particular real records says set so some something stated states such tell "
    "tells text than that the their them then there these they thing things this those to type up use uses used using "
    "what when where which who why will with without you your"
)
"""Stems that say nothing of what a type or a text is about."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One kind of question."""

    cues: frozenset[bytes]
    """Stems in the name or description of a type that is of this kind."""
    signs: frozenset[bytes]
    """Stems in a text that supports it."""
    usual: float
    """Share of `signs` in the words of a text of middling length from which the text supports it."""
    questions: tuple[str, ...]
    """Questions of this kind about {a}, some also about {b}."""


def _theme(cues: str, signs: str, usual: float, *questions: str) -> Theme:
    return Theme(stems(cues), stems(signs), usual, questions)


THEMES: tuple[Theme, ...] = (
    _theme(
        "summarise summary overview condense gist section",
        "overview introduction chapter describes",
        0.28,
        "What are the key facts to know about {a} and the way it relates to {b}?",
        "Can you summarise how {a} works together with {b} and what matters most there?",
        "Give me a short overview of {a}, with the main facts on {b}.",
    ),
    _theme(
        "wider field place fits landscape context role belongs",
        "architecture ecosystem distributed platform community open source",
        0.37,
        "Where does {a} fit among the tools and ideas around it, and what need does it serve?",
        "What role does {a} play in relation to {b}, and what does it build on?",
        "How does {a} stand beside {b} in the bigger picture, and which need does it meet?",
    ),
    _theme(
        "caveats cautions limits risks pitfalls warnings unsupported danger gotchas",
        "warning caution careful avoid cannot unsupported limitation deprecated risk never fail failure danger "
        "unfortunately however although experimental lose loss important beware",
        0.13,
        "What can go wrong with {a}, and what should I watch out for before relying on it?",
        "Which limits or risks does {a} have when {b} is involved, and how can I avoid trouble?",
        "I plan to use {a} soon: what should I be careful about, and under which conditions?",
    ),
    _theme(
        "configuration configure options settings parameters flags properties defaults",
        "default option parameter property setting configure yaml enable disable value file specify flag override "
        "milliseconds seconds threshold size",
        0.46,
        "What does the setting {a} control, and which values or defaults apply to it?",
        "How do {a} and {b} change the behaviour, and what are their defaults?",
        "How should I configure {a}, and what happens if {b} is left as it is?",
    ),
    _theme(
        "feature capability offers product function users",
        "allow provide support feature enable offer ability lets available capability automatic simple easy flexible",
        0.3,
        "What does {a} let me do, and how does it behave once it is in use?",
        "How is {a} used in practice, and what does it offer when working with {b}?",
        "What is {a} for, and what does a user of {b} get from it?",
    ),
    _theme(
        "concept idea mechanism algorithm technical theory principle works",
        "algorithm hash token ring replica coordinator because consist consistency structure model partition node "
        "process memory disk process merge ensure guarantee",
        0.23,
        "How does {a} work under the hood, and why is it done this way?",
        "Why does {a} matter for {b}, and what is the mechanism behind it?",
        "Could you explain the idea behind {a} and how it is connected to {b}?",
    ),
    _theme(
        "code query command snippet script program example analyse",
        "select insert update create table import class def return public void key where string int print var",
        0.43,
        "What does the code around {a} do, step by step, and why is it written that way?",
        "Can you walk me through the example with {a} and say what {b} does in it?",
        "How is {a} used in this piece of code, and what is the purpose of {b}?",
    ),
    _theme(
        "compare comparison contrast differences versus against two",
        "than whereas unlike versus difference compare similar instead alternative rather prefer better faster slower "
        "both either contrast opposed equivalent",
        0.24,
        "How do {a} and {b} differ, and when would I pick one over the other?",
        "What sets {a} apart from {b}, and what do the two have in common?",
        "Should I go with {a} or with {b}, and what speaks for each of them?",
    ),
    _theme(
        "advice recommend recommendation tip best practice avoid practical",
        "should recommend recommended best practice consider prefer ideally advise avoid suggest tip must good careful",
        0.225,
        "We are about to introduce {a}: what would you recommend, and for what reason?",
        "What should I do about {a} when {b} comes into play, and why?",
        "What is the best way to handle {a} together with {b} in production?",
    ),
    _theme(
        "effect impact leads consequence outcome result judge benefit",
        "result cause lead reduce increase improve performance latency impact faster slower cost throughput therefore "
        "effect consequently degrade",
        0.19,
        "What happens to the system when {a} changes, and what follows for {b}?",
        "What are the consequences of using {a}, for better and for worse?",
        "How does {a} affect {b}, and is the outcome worth it?",
    ),
    _theme(
        "integration integrate together another system connect connects",
        "integrate integration connector kafka spark spring hadoop plugin driver client kubernetes docker bridge "
        "adapter external third api",
        0.245,
        "What do I gain and what do I have to change when I use {a} together with {b}?",
        "How do {a} and {b} work together, and what does the combination require?",
        "What does connecting {a} with {b} bring, and what does it cost?",
    ),
    _theme(
        "compatible compatibility versions drivers protocols technologies support supported",
        "version compatible support java python jdk driver protocol require linux windows release later minimum "
        "backward higher upgrade",
        0.285,
        "Which versions and technologies does {a} work with, and are there any exceptions?",
        "Is {a} compatible with {b}, and which conditions apply?",
        "What do I need in place for {a} to work with {b}?",
    ),
    _theme(
        "use case scenario concrete user story company application",
        "application company customer user scenario case workload team business product service example online sensor "
        "website iot",
        0.29,
        "Who would use {a}, for which need, and how does it help them?",
        "What is a concrete situation in which {a} and {b} solve a real problem?",
        "For what kind of workload is {a} a good choice, and why?",
    ),
    _theme(
        "step steps implementation implement how setup install task tutorial procedure guide carry",
        "step install run start download first next then follow tutorial example add create command prerequisite copy "
        "restart procedure build",
        0.41,
        "How do I set up {a} from scratch, and in which order do the steps come?",
        "What steps are needed to get {a} working with {b}?",
        "Can you show me how to carry out the work on {a} step by step?",
    ),
    _theme(
        "problem fix error bug troubleshooting solution incident cause repair diagnose symptom",
        "error exception fix problem issue bug fail incident workaround solve debug cause timeout crash log",
        0.19,
        "What causes the trouble with {a}, and how is it solved?",
        "I ran into a problem with {a} while using {b}: what is wrong and what helps?",
    ),
    _theme(
        "release change changes new history upgrade news migration announcement",
        "release new change version introduced since added removed deprecated upgrade previous announce migrate",
        0.33,
        "What is new about {a}, and what does it change for those who use {b}?",
        "What has changed with {a}, and what do I have to do because of it?",
    ),
    _theme(
        "date dates event events year timeline people person conference place",
        "january february march april june july august september october november december year conference founded "
        "summit today",
        0.1,
        "When did {a} come about, and what happened in connection with {b}?",
        "What is the story behind {a}, and who or what was involved?",
    ),
    _theme(
        "number numbers figure figures metric metrics measure benchmark statistics quantity",
        "percent million billion gb mb average latency throughput percentile benchmark metric count rate second",
        0.17,
        "Which figures are known for {a}, and how do they compare with {b}?",
        "How large or fast is {a}, and what do the numbers mean for {b}?",
    ),
    _theme(
        "definition define term glossary meaning vocabulary",
        "mean refer define term called known definition",
        0.34,
        "What exactly is meant by {a}, and how is it told apart from {b}?",
        "What does the term {a} stand for, and where is it used?",
    ),
)

GENERAL = Theme(
    frozenset(),
    frozenset(),
    1.0,
    (
        "What should I know about {a}, and what does it have to do with {b}?",
        "Could you tell me what {a} is about and why it matters for {b}?",
        "What are the facts about {a} that someone working with {b} needs?",
    ),
)
"""For a type that no theme fits."""


@lru_cache(maxsize=512)
def theme_of(name: str, description: str) -> Theme:
    """Return the theme that the words of a type fit best; those of its name count twice."""
    named, described = stems(name), stems(description)
    best = max(THEMES, key=lambda theme: 2 * len(theme.cues & named) + len(theme.cues & described))
    return best if best.cues & (named | described) else GENERAL


@lru_cache(maxsize=512)
def meaning(text: str) -> frozenset[bytes]:
    """Return the stems of `text` that say what it is about."""
    return stems(text) - COMMON
