"""The way of one article: the only ring that knows prompts, models and files."""
