"""The command line: flags to settings, errors to sentences and exit codes."""

from .main import main

__all__ = ["main"]
