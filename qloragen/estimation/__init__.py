"""What a run would cost, before anything is paid: `estimate`.

From the inside out: `expected` (what replies are likely to come to), `sizes` (tokens of real requests), `loads` (sums,
and what they cost), `outlook` (one mode), `modes` (which there are), `pace` (time), `sample` (what replies say),
`values`, `rows`, `text`, `result` (what comes out), `making` (one reading of the source).
"""

from .making import aestimate, estimate
from .result import Estimate
from .values import Amount, Count, Item, ModeEstimate

__all__ = ["Amount", "Count", "Estimate", "Item", "ModeEstimate", "aestimate", "estimate"]
