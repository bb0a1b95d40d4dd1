"""The ways of making many calls that are measured side by side; nothing here but `engine` knows qloragen."""
