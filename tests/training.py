"""Examples to train on: one of each kind, nasty ones, and any."""

from __future__ import annotations

from hypothesis import strategies as st

from qloragen.export import Example
from qloragen.export.example import Turn
from qloragen.packs.reading import default_folder

TEMPLATE = (default_folder() / "training.md").read_text("utf-8")

EXAMPLE = Example(instruction="Summarise compaction.", input="  throughput: 64", output="It merges SSTables.")
CHAT = Example(
    instruction="And now?",
    input="",
    output="We sail.",
    system="Talk like a pirate.",
    earlier=(Turn("user", "Hello."), Turn("assistant", "Ahoy!")),
)

NASTY = (
    "".join(map(chr, range(0x20)))
    + "\x7f\x85\u2028\u2029\ufeff\ufffe\U0010ffff \"'\\ \r\n \U0001f469\u200d\U0001f4bb $x ${output} </s>"
)
"""All control characters, what some take for line ends, quotes, marks of byte order, and what templates hold."""

NASTY_EXAMPLES = (
    EXAMPLE,
    Example(instruction=NASTY, input=NASTY, output=f"{NASTY}.", system=NASTY, source="nasty"),
    Example(instruction="a", input="", output="b"),
    Example(instruction="2024-01-01", input="12", output="null"),
    Example(instruction="{}", input="[1]", output='{"a": 1}', source="true"),
    Example(instruction="big", input="\u4e2d" * 350_000, output="x" * (1 << 20)),
)


def examples() -> st.SearchStrategy[Example]:
    """Return a strategy for examples, of records and of general data."""
    said = st.text(st.characters(codec="utf-8"))
    asked = st.tuples(st.builds(Turn, st.just("user"), said), st.builds(Turn, st.just("assistant"), said))
    return st.builds(
        Example,
        instruction=said,
        input=said,
        output=said,
        system=said,
        earlier=st.one_of(st.just(()), asked, st.builds(lambda one, two: one + two, asked, asked)),
        source=said,
    )
