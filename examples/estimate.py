"""An estimate first, then the run if it is cheap enough. Run: python examples/estimate.py ARTICLES RUN_DIRECTORY USD"""

import sys
from decimal import Decimal

import qloragen

articles, folder, most_usd = sys.argv[1], sys.argv[2], Decimal(sys.argv[3])

estimate = qloragen.estimate(articles, out=folder)
print(estimate)
if estimate.cost_usd is None or estimate.cost_usd.high > most_usd:
    sys.exit(f"This may cost more than ${most_usd}, or nobody knows: nothing was asked for.")

print(qloragen.generate(articles, out=folder, max_cost_usd=most_usd).summary)
