"""Records of an open run to its other sinks, behind the journal: each at least once, at their own pace, to the end."""
