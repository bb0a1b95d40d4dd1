"""Records of an open run to its other sinks, behind the journal: at their own pace, each at least once, and to the end."""
