"""The files that clients upload and batches leave behind, with what `/v1/files` says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .effects import Json

KEPT_S = 30 * 86_400.0
"""How long the files of batches are kept unless somebody says otherwise (types/file_create_params.py of openai 3.54 for
input, developers.openai.com/api/docs/guides/batch for output)."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file; times are seconds since the simulator began."""

    id: str
    filename: str
    purpose: str
    content: bytes
    created_s: float
    expires_s: float | None = None

    def shown(self, stamp: Callable[[float], int]) -> Json:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": stamp(self.created_s),
            "expires_at": None if self.expires_s is None else stamp(self.expires_s),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Cabinet:
    """All files, in the order of their making."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._numbered = 0

    def put(
        self, filename: str, purpose: str, content: bytes, *, created_s: float, kept_s: float | None = KEPT_S
    ) -> StoredFile:
        """Keep a file under an id of its own, for so many seconds or for ever."""
        expires_s = None if kept_s is None else created_s + kept_s
        file = StoredFile(f"file-{self._numbered}", filename, purpose, content, created_s, expires_s)
        self._files[file.id] = file
        self._numbered += 1
        return file

    def get(self, id: str, now_s: float) -> StoredFile | None:
        """Return a file that there is, and that has not expired."""
        file = self._files.get(id)
        return None if file is None or _is_over(file, now_s) else file

    def delete(self, id: str) -> None:
        """Forget a file."""
        self._files.pop(id, None)

    def all(self, now_s: float, *, newest_first: bool) -> Iterator[StoredFile]:
        """Yield the files that have not expired."""
        files = list(self._files.values())
        return (file for file in (reversed(files) if newest_first else files) if not _is_over(file, now_s))


def _is_over(file: StoredFile, now_s: float) -> bool:
    return file.expires_s is not None and file.expires_s <= now_s
