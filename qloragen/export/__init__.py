"""Training files from the records of a run."""
