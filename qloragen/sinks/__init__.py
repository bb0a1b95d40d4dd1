"""Places for records besides a run's own files."""

from .values import Sink

__all__ = ["Sink"]
