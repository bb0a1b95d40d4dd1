"""No record twice: exact and near duplicates across a run, and twins within an article."""

from .codes import CODES, COMPARISONS, Comparison
from .judging import Candidate, Unique
from .loading import Loading
from .siblings import Siblings, Stands

__all__ = ["CODES", "COMPARISONS", "Candidate", "Comparison", "Loading", "Siblings", "Stands", "Unique"]
