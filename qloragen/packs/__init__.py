"""Prompt packs on disk: a folder of data to a checked `Pack`, or one sentence for each mistake in it."""

from .reading import MARKER, default_folder, load_pack

__all__ = ["MARKER", "default_folder", "load_pack"]
