"""The command line: flags to settings, errors to sentences and exit codes."""

from .main import command, main

__all__ = ["command", "main"]
