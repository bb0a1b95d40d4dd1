"""Places for records besides a run's own files: name one, or pass one of your own to `Session(..., sinks=[...])`.

    generate("articles/", "runs/a", sinks=[SqliteSink("records.db")])

One of your own is any object that has what `Sink` says.
"""

from .fields import fields_of
from .named import sink_of
from .sqlite import SqliteSink
from .values import Emptiable, Sink

__all__ = ["Emptiable", "Sink", "SqliteSink", "fields_of", "sink_of"]
