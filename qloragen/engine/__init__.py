"""Turns a Request into a Completion: models, limits, retries, prices. Knows nothing of articles."""
