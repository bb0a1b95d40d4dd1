"""What the files of a run say is done, paid for and missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson

from ..types import Format, Usage, Worst
from .bills import account_of, lost_of, refused_of, usd_of, worst_of
from .frame import key_of, kind_of
from .index import Index
from .judgement_lines import judged_as
from .ledger import NOTHING_WORSE, Account, Ledger, Lost
from .lines import Refused, article_key, name_key
from .money import NO_MONEY, NO_TYPES, Money
from .standing import Kind, Standing
from .submissions import Submissions
from .totals import Totals

_NONE_REFUSED: Refused = MappingProxyType({})


class State:
    """The meaning of a run's files: changed by one line at a time, whether it is being written or read back.

    A cell is settled once it has a record, types, or a rejection; nothing is asked for it again. What has changed since
    the index was saved is in memory, all else in the index.
    """

    def __init__(self, index: Index | None = None) -> None:
        mark = index.mark() if index else None
        self.totals = mark.totals if mark else Totals()
        self.ledger = Ledger(mark.bills, mark.lost) if mark else Ledger()
        self.submissions = Submissions(mark.submissions if mark else None)
        """Batches that have not been collected."""
        self.sink_is_stale = False
        """Whether a record that is in the sink counts no more."""
        self._index = index
        self._fresh: dict[str, Standing] = {}

    # ----------------------------------------------------------------------------------------------- what is known

    def standing(self, key: str) -> Standing | None:
        """Return where a cell stands; None when nothing is known of it."""
        return self._fresh.get(key) or (self._index.find(key) if self._index else None)

    def settled(self, key: str) -> bool:
        """Say whether nothing is left to ask for the cell."""
        standing = self.standing(key)
        return standing is not None and standing.settled

    def types_of(self, key: str) -> tuple[int, ...] | None:
        """Return the type numbers of a settled classification."""
        standing = self.standing(key)
        if standing is None or standing.kind != "types":
            return None
        return tuple(map(int, standing.detail.split()))

    def record_offset(self, key: str) -> int | None:
        """Return where in the journal the record of a cell is; None when it has none."""
        standing = self.standing(key)
        return standing.at if standing and standing.kind == "record" else None

    def sunk_offset(self, key: str) -> int | None:
        """Return where in the journal the line is that stands for a cell in the sink; None when it has none there."""
        standing = self.standing(key)
        return standing.at if standing and standing.kind in {"record", "judgement"} else None

    def rejection_of(self, key: str) -> str | None:
        """Return why a cell was given up for good; None when it was not."""
        standing = self.standing(key)
        return standing.detail if standing and standing.kind == "rejection" else None

    def replies_of(self, key: str) -> tuple[int, ...]:
        """Return where in the journal the paid replies of an unsettled cell are, oldest first."""
        standing = self.standing(key)
        return standing.replies if standing else ()

    def failures_of(self, key: str, reason: str) -> int:
        """Return in how many runs in a row the cell has failed for this reason."""
        standing = self.standing(key)
        return standing.times if standing and (standing.kind, standing.detail) == ("failure", reason) else 0

    def money_of(self, key: str) -> Money:
        """Return what was paid for a cell, and what became of it."""
        return _money(self.standing(key))

    def article_offset(self, content_hash: str, format: Format) -> int | None:
        """Return where in the journal an article is."""
        standing = self.standing(article_key(content_hash, format))
        return standing.at if standing else None

    def text_of(self, article_id: str) -> str | None:
        """Return the hash of the newest text that had this id; None when there was none."""
        standing = self.standing(name_key(article_id))
        return standing.detail if standing else None

    def keys(self, kind: Kind, detail: str | None = None) -> list[str]:
        """Return the keys of all cells that stand so, sorted."""
        found = set(self._index.keys(kind, detail) if self._index else ())
        for key, standing in self._fresh.items():
            found.discard(key)
            if standing.kind == kind and detail in (None, standing.detail):
                found.add(key)
        return sorted(found)

    # ------------------------------------------------------------------------------------------------ what happens

    def add_article(self, content_hash: str, format: Format, article_id: str, at: int) -> None:
        """Note an article that is in the journal."""
        self._fresh[article_key(content_hash, format)] = Standing("article", at)
        self._fresh[name_key(article_id)] = Standing("name", at, content_hash)

    def add_reply(
        self,
        key: str,
        account: Account,
        usage: Usage,
        cost_usd: Decimal | None,
        at: int,
        *,
        worst: Worst = NOTHING_WORSE,
        found: bool = False,
    ) -> None:
        """Note a paid reply: bill it, and keep its place until its cell is settled.

        One that was `found` where the provider keeps replies takes the place of a call of the cell's that was lost, and
        where it does not say what it is billed for, that cannot be more than the call's worst case.
        """
        before = self.standing(key)
        standing = before or Standing("open")
        if found and (lost := standing.money.lost_reply(account.model, usage)) is not None:
            self.ledger.recover(lost)
            standing = standing._replace(money=standing.money.without(lost))
            if cost_usd is None and not any(usage):
                worst = Worst(lost.worst_usd, lost.worst_tokens)
        self.ledger.charge(account, usage, cost_usd, worst)
        money = standing.money.replied(cost_usd, settled=standing.settled)
        kind, line_at, detail, replies, times, _ = standing
        if not standing.settled:
            replies = (*replies, at)
        self._move(key, before, Standing(kind, line_at, detail, replies, times, money))

    def add_lost(self, key: str, lost: Lost) -> None:
        """Note a call that was or may have been billed, and brought no reply."""
        self.ledger.lose(lost)
        before = self.standing(key)
        standing = before or Standing("open")
        money = standing.money._replace(lost=(*standing.money.lost, lost))
        self._move(key, before, standing._replace(money=money))

    def add_types(self, key: str, types: Iterable[int], at: int, refused: Refused = _NONE_REFUSED) -> None:
        """Settle a classification; `refused` are replies that it was not made of, by reason."""
        before, numbers = self.standing(key), " ".join(map(str, types))
        money = _money(before).settled(refused, None if numbers else NO_TYPES)
        self._move(key, before, Standing("types", at, numbers, money=money))

    def add_record(
        self, key: str, type_slug: str, at: int, *, revised: bool = False, refused: Refused = _NONE_REFUSED
    ) -> bool:
        """Settle a generation with a record; returns whether it counts: the first one does, and revised ones.

        `refused` are replies that it was not made of, by reason.
        """
        before = self.standing(key)
        if before and before.kind == "record":
            if not revised:
                return False
            self.sink_is_stale = True
        self._move(key, before, Standing("record", at, type_slug, money=_money(before).settled(refused, None)))
        return True

    def add_judgement(self, key: str, detail: str, at: int, refused: Refused = _NONE_REFUSED) -> bool:
        """Settle the judging of a record; returns whether it counts: the first one does.

        `detail` is `accepted`, `refused` or `control`; `refused` are replies that it was not made of, by reason.
        """
        before = self.standing(key)
        if before and before.kind == "judgement":
            return False
        self._move(key, before, Standing("judgement", at, detail, money=_money(before).settled(refused, None)))
        return True

    def add_rejection(self, key: str, reason: str, at: int, refused: Refused = _NONE_REFUSED) -> None:
        """Settle a cell without a result; a record that it had counts no more.

        All its replies came to nothing: for the reasons in `refused`, or else for that of the rejection.
        """
        before = self.standing(key)
        self.sink_is_stale |= before is not None and before.kind == "record"
        self._move(key, before, Standing("rejection", at, reason, money=_money(before).settled(refused, reason)))

    def add_failure(self, key: str, reason: str, at: int, *, counts: bool) -> None:
        """Note a cell that a later run will ask for again; failures that count add up as long as they are alike."""
        before = self.standing(key)
        if before is None or not before.settled:
            replies = before.replies if before else ()
            times = self.failures_of(key, reason) + counts
            self._move(key, before, Standing("failure", at, reason, replies, times, _money(before)))

    def add_retry(self, key: str) -> None:
        """Open a cell without a result again, as if nothing had been asked for it."""
        before = self.standing(key)
        # Its rejection may be in a line that is damaged since.
        if before and before.kind in {"rejection", "failure", "open"}:
            self._move(key, before, Standing("open", money=before.money.reopened()))

    def apply(self, line: bytes, at: int) -> bool:
        """Let one whole journal line take effect; returns whether it belongs in the sink.

        Raises:
            ValueError, KeyError, TypeError: It is whole, but of another program.
        """
        key, kind = key_of(line), kind_of(line)
        fields = orjson.loads(line)
        self.submissions.apply(kind, fields, at, at + len(line) + 1)
        match kind:
            case "record" | "revised" | "judgement":
                return self._apply_result(key, kind, fields, at)
            case "reply" | "lost":
                self._apply_call(key, kind, fields, at)
            case "types":
                self.add_types(key, fields["types"], at, refused_of(fields))
            case "article":
                self.add_article(fields["content_hash"], fields["format"], fields["id"], at)
            case "rejection":
                self.add_rejection(key, fields["reason"], at, refused_of(fields))
            case "failure":
                self.add_failure(key, fields["reason"], at, counts=fields["counts"])
            case "retry":
                self.add_retry(key)
        return False

    # --------------------------------------------------------------------------------------------------- the index

    def changes(self) -> Mapping[str, Standing]:
        """Return what has changed since the index was saved."""
        return dict(self._fresh)

    @property
    def unsaved(self) -> int:
        """How much has changed since the index was saved."""
        return len(self._fresh)

    def saved(self, changes: Mapping[str, Standing]) -> None:
        """Forget changes that are in the index now, unless they have changed again."""
        for key, standing in changes.items():
            if self._fresh.get(key) is standing:
                del self._fresh[key]

    def _apply_result(self, key: str, kind: str, fields: dict[str, Any], at: int) -> bool:
        refused = refused_of(fields)
        if kind == "judgement":
            return self.add_judgement(key, judged_as(fields), at, refused)
        return self.add_record(key, fields["type_slug"], at, revised=kind == "revised", refused=refused)

    def _apply_call(self, key: str, kind: str, fields: dict[str, Any], at: int) -> None:
        if kind == "lost":
            self.add_lost(key, lost_of(fields))
            return
        usage, found = Usage(**fields["usage"]), fields.get("found", False)
        cost_usd, worst = usd_of(fields["cost_usd"]), worst_of(fields)
        self.add_reply(key, account_of(fields), usage, cost_usd, at, worst=worst, found=found)

    def _move(self, key: str, before: Standing | None, after: Standing) -> None:
        self.totals.moved(before, after)
        self._fresh[key] = after


def _money(standing: Standing | None) -> Money:
    return standing.money if standing else NO_MONEY
