"""Judging a record: five questions with a yes or no each, and controls that tell how far the judge can be believed."""
