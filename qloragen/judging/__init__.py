"""Judging records by a model of another family than the one that made them, in a run of its own beside theirs."""
