"""The main job from Python, in five lines. Run: python examples/five_lines.py ARTICLES RUN_DIRECTORY"""

import sys

import qloragen

run = qloragen.generate(sys.argv[1], out=sys.argv[2], limit=10, max_cost_usd=1)
print(run.summary)
print(run.export(f"{sys.argv[2]}/alpaca.jsonl", format="alpaca"))
