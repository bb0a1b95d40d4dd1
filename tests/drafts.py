"""Articles of several fields with a good record of each, and what the checks of the surface say of others."""

from __future__ import annotations

from typing import NamedTuple

from qloragen.domain.checks import Case, facts_of
from qloragen.domain.checks.surface import SURFACE
from qloragen.packs import load_pack
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft, InputMode

PACK = load_pack()
KINDS = {kind.slug: kind for kind in PACK.types}


class Good(NamedTuple):
    """An article, and a record that nothing is wrong with."""

    article: str
    draft: Draft


def good(article: str, instruction: str, output: str) -> Good:
    return Good(article, Draft(instruction, article, output))


DATABASES = good(
    "A document database keeps each record as a document of nested fields. Cassandra keeps rows instead, and its tool "
    "`nodetool repair` compares replicas by Merkle trees.\n\nRun it within `gc_grace_seconds`, ten days by "
    "default, or "
    "deleted rows may come back. Documents of more than 16 MB are refused by some document databases.",
    "How often must nodetool repair run on a Cassandra node, and what happens if it does not?",
    "Repair has to run within gc_grace_seconds, which is ten days by default. If it does not, deleted rows may "
    "come back, "
    "since a replica that missed the delete still has them.",
)
COOKING = good(
    "For the dough mix 500 g of flour with 320 ml of water, 10 g of salt and 2 g of yeast.\n\nLet it rest for 18 "
    "hours at "
    "room temperature, fold it twice, and bake it in a covered pot at 240 °C for 30 minutes; then uncover it for "
    "15 more.",
    "How long does the no-knead bread dough rest, and how is it baked?",
    "The dough rests for 18 hours at room temperature and is folded twice. It is then baked in a covered pot at "
    "240 °C for "
    "30 minutes, and uncovered for 15 minutes more.",
)
LAW = good(
    "Article 6 of the regulation says when processing is lawful. Under Article 6(1)(a) the data subject has given "
    "consent; "
    "Article 7 states the conditions of consent.\n\nParagraph 3 of Article 7 gives the right to withdraw consent "
    "at any time. "
    "This section applies to controllers and processors alike.",
    "Under which condition of Article 6 is processing lawful by consent, and can consent be withdrawn?",
    "Processing is lawful under Article 6(1)(a) if the data subject has given consent. Consent can be withdrawn "
    "at any time, "
    "as paragraph 3 of Article 7 provides.",
)
MEDICINE = good(
    "Ibuprofen is taken with food, 200 to 400 mg every four to six hours, at most 1,200 mg a day without a "
    "prescription.\n\n"
    "It must not be taken together with warfarin, and patients with an ulcer should avoid it.",
    "What is the highest daily dose of ibuprofen without a prescription, and who should avoid it?",
    "At most 1,200 mg a day are taken without a prescription. Patients with an ulcer should avoid ibuprofen, and "
    "it must not "
    "be taken together with warfarin.",
)
BLOG_ENGINE = good(
    "The table `articles` of the blog has a column `author_id` that points to the table `authors`. Each article "
    "has one author, "
    "and articles are listed by date; authors write many articles.\n\nDeleting an author keeps the articles, whose "
    "`author_id` becomes NULL.",
    "What happens to the rows of articles in the blog schema when an author is deleted?",
    "The article stays: its author_id becomes NULL when the author is deleted, since the foreign key is set to null.",
)
GERMAN = good(
    "Cassandra verteilt die Daten über einen Ring aus Knoten. Der Replikationsfaktor sagt, wie viele Knoten eine "
    "Kopie jeder "
    "Zeile haben.\n\nMit der Konsistenzstufe QUORUM antwortet die Mehrheit der Replikate, sodass Lesen und "
    "Schreiben sich "
    "immer an einem Knoten treffen.",
    "Was sagt der Replikationsfaktor in Cassandra, und was bedeutet die Konsistenzstufe QUORUM für das Lesen?",
    "Der Replikationsfaktor sagt, wie viele Knoten eine Kopie jeder Zeile haben. Mit QUORUM antwortet die "
    "Mehrheit der "
    "Replikate, sodass Lesen und Schreiben sich immer an einem Knoten treffen.",
)
CHINESE = good(
    "Cassandra 把数据分布在由节点组成的环上。复制因子说明每一行有多少个节点保存副本。\n\n使用 QUORUM "
    "一致性级别时,多数副本必须响应,"
    "因此读和写总会在至少一个节点上相遇。",
    "在 Cassandra 中,复制因子是什么意思,QUORUM 一致性级别又要求什么?",
    "复制因子说明每一行有多少个节点保存副本。使用 QUORUM 时,多数副本必须响应,因此读和写总会在至少一个节点上相遇",
)
FIELDS = {
    "databases": DATABASES,
    "cooking": COOKING,
    "law": LAW,
    "medicine": MEDICINE,
    "a blog engine": BLOG_ENGINE,
    "German": GERMAN,
    "Chinese": CHINESE,
}


def surface_codes(
    draft: Draft, article: str, mode: InputMode = "evidence", thresholds: Thresholds | None = None
) -> list[str]:
    """Return the codes of what the checks of the surface find."""
    case = Case(draft, facts_of(Article("a", article)), KINDS["how-to"], PACK, mode, thresholds or Thresholds())
    return [check.code for check in SURFACE if check.find(case) is not None]


def codes_with(good: Good, mode: InputMode = "evidence", /, **fields: str) -> list[str]:
    """Return the codes for a good record with other text in some of its fields."""
    old = good.draft
    draft = Draft(
        fields.get("instruction", old.instruction), fields.get("input", old.input), fields.get("output", old.output)
    )
    return surface_codes(draft, good.article, mode)
