"""Files of a run: append-only logs, recovery, locking. Knows neither models nor prompts."""
