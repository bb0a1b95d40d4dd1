"""The main job from Python. Run: python examples/library.py ARTICLES RUN_DIRECTORY"""

import sys
from pathlib import Path

import qloragen

run = qloragen.generate(sys.argv[1], out=sys.argv[2], limit=10, max_cost_usd=1)
print(run.summary)
print(run.export(Path(sys.argv[2]) / "alpaca.jsonl", format="alpaca"))
