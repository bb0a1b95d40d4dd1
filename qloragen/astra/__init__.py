"""Articles from, and records to, collections behind the Data API of Astra DB or Cassandra; needs the extra `astra`."""
