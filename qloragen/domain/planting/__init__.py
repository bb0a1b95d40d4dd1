"""Plant defects of known kinds in clean records, to measure whether checks and judges find them.

The forms of a kind are what models really produce, written without a look at how the checks go about finding them.
"""

from .alike import ALIKE
from .asking import asked_anew
from .astray import ASTRAY
from .damage import DAMAGE
from .evidence import EVIDENCE, shows_what_it_needs
from .kind import Clean, Kind
from .measuring import Find, Measured, Row, measure
from .paraphrase import Voice, paraphrased, retold
from .prompts import PROMPTS
from .text import in_common
from .unfinished import UNFINISHED

KINDS: tuple[Kind, ...] = (*UNFINISHED, *PROMPTS, *DAMAGE, *ASTRAY, *EVIDENCE, *ALIKE)
"""Every kind of defect."""

__all__ = [
    "KINDS",
    "Clean",
    "Find",
    "Kind",
    "Measured",
    "Row",
    "Voice",
    "asked_anew",
    "in_common",
    "measure",
    "paraphrased",
    "retold",
    "shows_what_it_needs",
]
