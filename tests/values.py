"""Small values that several tests start from."""

from datetime import UTC, datetime
from decimal import Decimal

from qloragen.types import Article, Cell, Record, Reply, Usage, digest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def an_article(content: str = "Compaction merges SSTables.", id: str = "a") -> Article:
    return Article(id, content, title="Compaction", url="https://example.org/a")


def key(name: str) -> str:
    """Return a key as those of real cells are, the same for the same name."""
    return digest(name)


def a_cell(name: str = "c1", **changes: object) -> Cell:
    fields: dict[str, object] = {
        "key": key(name),
        "stage": "generate",
        "content_hash": an_article().content_hash,
        "format": "markdown",
        "article_id": "a",
        "model": "m",
        "prompt_fingerprint": "f",
        "type": 6,
        "type_slug": "concept",
        "input_mode": "evidence",
    }
    return Cell(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed


def a_classification(name: str = "k1") -> Cell:
    return a_cell(name, stage="classify", type=None, type_slug=None, input_mode=None)


def a_reply(cell: Cell | None = None, *, cost_usd: Decimal | None = Decimal("0.0012"), body: str = "{}") -> Reply:
    return Reply(
        cell=cell or a_cell(),
        structure="tools",
        finish_reason="stop",
        usage=Usage(1000, 512, 0, 90, 0),
        cost_usd=cost_usd,
        request_id="req-1",
        latency_s=1.5,
        time=NOON,
        body=body,
    )


def a_record(name: str = "c1", **changes: object) -> Record:
    fields: dict[str, object] = {
        "id": key(name),
        "article_id": "a",
        "type": 6,
        "type_slug": "concept",
        "instruction": "What does compaction do?",
        "input": "Compaction merges SSTables.",
        "output": "It merges SSTables.",
        "content_hash": an_article().content_hash,
        "title": "Compaction",
        "url": None,
        "model": "m",
        "prompt_fingerprint": "f",
        "input_mode": "evidence",
        "finish_reason": "stop",
        "usage": Usage(1000, 512, 0, 90, 0),
        "cost_usd": Decimal("0.00000010"),
        "time": NOON,
    }
    return Record(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed
