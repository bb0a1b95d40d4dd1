"""Judging records by a model of another family than the one that made them, in a run of its own beside theirs.

From the inside out: `values`, `telling`, `trust`, `result` (what comes out); `places`, `material` (the records of a
run, which is only read); `judge` (the cells, requests and readings of one judge); `drawing`, `planning`, `price` (what
is to be judged, controls among it, and for how much); `flow`, `session`, `opening` (one process that does so);
`reading`, `choosing` (what was said, and exports by it); `command` (all in one call).
"""
