"""Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, Japanese and Chinese."""

from __future__ import annotations

import re

UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""One of their characters."""
