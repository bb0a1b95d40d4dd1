"""A setting for runs whose records are made to be counted, whatever they say: no check refuses any."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.domain.checks import CHECKS
from qloragen.pipeline.uniqueness import CODES
from qloragen.thresholds import Thresholds

UNCHECKED = Thresholds(actions=dict.fromkeys([*(check.code for check in CHECKS), *sorted(CODES)], "off"))
"""The knob `checks`."""
