"""Files of rows: JSON lines, one JSON array, Parquet. Each is written as rows come, and all or nothing.

with opened(Path("train.parquet"), "parquet", form.columns) as put:
    put(row)
"""

from .opening import CONTAINERS, container_of, opened, rows_to
from .put import Put

__all__ = ["CONTAINERS", "Put", "container_of", "opened", "rows_to"]
