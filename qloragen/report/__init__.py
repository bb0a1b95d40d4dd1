"""What a run has come to, for people: a report as text, JSON, or one page."""
