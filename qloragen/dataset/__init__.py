"""From a run to what a trainer reads: which records, in which splits, mixed with what, in which form and files."""
