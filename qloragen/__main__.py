"""`python -m qloragen` is the command `qloragen`."""

from .cli import command

command()
