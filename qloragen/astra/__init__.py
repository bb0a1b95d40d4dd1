"""Articles from, and records to, collections behind the Data API of Astra DB or Cassandra; needs the extra `astra`."""

from ..sources import Fields
from .place import AstraCollection, cassandra_token
from .sink import AstraSink
from .source import astra_articles

__all__ = ["AstraCollection", "AstraSink", "Fields", "astra_articles", "cassandra_token"]
