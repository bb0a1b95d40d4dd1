"""Judging a record: five questions with a yes or no each, and controls that tell how far the judge can be believed.

`text` (what is judged), `asking` and `reading` (prompts out, replies in), `controls` and `agreement` (what is known,
and how far a judge agrees with it), `families` (which judges are no relatives of the records' model).
"""
