"""Streams of articles from files, folders and iterables."""
