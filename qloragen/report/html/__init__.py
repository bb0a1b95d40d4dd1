"""The report as one page: everything in one file that asks no network for anything."""

from .page import write_html

__all__ = ["write_html"]
