"""Find the article in a web page: what is furniture (menus, banners, tables of contents...) and where the text begins.

Rules, in this order:
1. Tags that never hold article text (`script`, `nav`, `footer`, form controls...) are furniture. 2. So is an element
   whose role, class or id says so (`sidebar`, `breadcrumbs`, `cookie-banner`, `headerlink`...), unless it holds more
   than `MAX_SHARE` of the page's text and is not mostly links: names lie, `page-with-sidebar` is the page. 3. The
   article is the largest `main`, then the largest `article` in it, if it holds most of the text; else the body, less
   blocks that are menus by their links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from .tags import (
    FURNITURE_IDS,
    FURNITURE_NAMES,
    FURNITURE_ROLES,
    FURNITURE_TAGS,
    FURNITURE_WORDS,
    LINK_LISTS,
    NEVER_BY_NAME,
)

MAX_SHARE = 0.3
"""An element with more of the page's text than this is furniture only if most of it is links."""

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def walk(root: LexborNode, dropped: AbstractSet[int] = frozenset()) -> Iterator[tuple[bool, LexborNode]]:
    """Yield (entering, node) for elements, and once for texts, in document order, without the subtrees in `dropped`."""
    stack = [(True, root)]
    while stack:
        entering, node = stack.pop()
        if node.is_text_node:
            yield True, node
        elif not entering:
            yield False, node
        elif node.is_element_node and node.mem_id not in dropped:
            yield True, node
            stack.append((False, node))
            stack.extend((True, child) for child in reversed(list(node.iter(include_text=True))))


@dataclass(slots=True)
class _Weight:
    """What is in an element, without what has been dropped."""

    text: int = 0
    """Visible characters."""
    linked: int = 0
    """Those of them that are within links."""
    links: int = 0

    def add(self, inner: _Weight) -> None:
        self.text += inner.text
        self.linked += inner.linked
        self.links += inner.links

    def mostly_links(self, share: float) -> bool:
        return self.linked > share * self.text


_Weights = dict[int, _Weight]
"""By `mem_id`."""
_NOTHING = _Weight()


def _weigh(root: LexborNode, dropped: AbstractSet[int]) -> _Weights:
    weights: _Weights = {}
    open_elements, in_link = [_Weight()], 0
    for entering, node in walk(root, dropped):
        if node.is_text_node:
            length = len((node.text_content or "").strip())
            open_elements[-1].add(_Weight(length, length if in_link else 0))
        elif entering:
            in_link += node.tag == "a"
            open_elements.append(_Weight(links=node.tag == "a"))
        else:
            in_link -= node.tag == "a"
            weights[node.mem_id] = open_elements.pop()
            open_elements[-1].add(weights[node.mem_id])
    return weights


def _never_text(root: LexborNode) -> set[int]:
    """Rule 1, and what is hidden outright."""
    dropped: set[int] = set()
    for entering, node in walk(root, dropped):
        if not entering or not node.is_element_node:
            continue
        hidden = "hidden" in node.attrs and node.attrs.get("role") != "tabpanel"
        if node.tag in FURNITURE_TAGS or hidden or (node.tag in ("header", "aside") and not _within_article(node)):
            dropped.add(node.mem_id)
    return dropped


def _within_article(node: LexborNode) -> bool:
    """A header or aside of the article itself (title, call-out), not of the page. Looks a bounded way up."""
    above = node.parent
    for _ in range(32):
        if above is None:
            return False
        if above.tag in ("main", "article"):
            return True
        above = above.parent
    return False


def _named_furniture(node: LexborNode) -> bool:
    """Rule 2, by name alone."""
    if node.attrs.get("role") in FURNITURE_ROLES or node.attrs.get("aria-hidden") == "true":
        return True
    names = (node.attrs.get("class") or "").split()
    lowered = [_CAMEL.sub("-", name).lower().replace("_", "-") for name in names]
    if any(name in FURNITURE_NAMES or not FURNITURE_WORDS.isdisjoint(_WORD.findall(name)) for name in lowered):
        return True
    identity = (node.attrs.get("id") or "").lower()
    return identity in FURNITURE_IDS and not any(name.startswith("sect") for name in lowered)


def _by_name(root: LexborNode, dropped: set[int]) -> set[int]:
    weights = _weigh(root, dropped)
    most = MAX_SHARE * weights[root.mem_id].text
    found = set(dropped)
    for entering, node in walk(root, found):
        if not entering or not node.is_element_node or node.tag in NEVER_BY_NAME or not _named_furniture(node):
            continue
        weight = weights[node.mem_id]
        if weight.text <= most or weight.mostly_links(0.6):
            found.add(node.mem_id)
    return found


def _menus(root: LexborNode, dropped: set[int], weights: _Weights) -> set[int]:
    """Lists of five or more short links and little else; a reading list has long ones."""
    found = set(dropped)
    for entering, node in walk(root, found):
        weight = weights.get(node.mem_id, _NOTHING)
        if entering and node.tag in LINK_LISTS and weight.mostly_links(0.8) and weight.links >= 5:
            found.update([node.mem_id] if weight.linked < 25 * weight.links else [])
    return found


def _largest(root: LexborNode, selector: str, weights: _Weights, share: float) -> LexborNode | None:
    """The heaviest match that holds at least `share` of the text of `root`."""

    def text(node: LexborNode) -> int:
        return weights.get(node.mem_id, _NOTHING).text

    best = max(root.css(selector), key=text, default=None)
    return best if best is not None and text(best) >= share * text(root) else None


@dataclass(frozen=True, slots=True)
class Page:
    """Where the article of a page is."""

    root: LexborNode
    dropped: frozenset[int]
    """`mem_id` of the elements to leave out, with everything in them."""
    heading: LexborNode | None
    """The page's `h1`, where it stands outside `root`."""


def find(body: LexborNode) -> Page:
    """Decide which part of a parsed page is the article."""
    dropped = _by_name(body, _never_text(body))
    weights = _weigh(body, dropped)
    main = _largest(body, "main, [role=main]", weights, 0.4) or body
    root = _largest(main, "article, [itemprop=articleBody]", weights, 0.7) or main
    if root.tag == "body":
        dropped = _menus(root, dropped, weights)
    heading = None if root.css_first("h1") else body.css_first("h1")
    return Page(root=root, dropped=frozenset(dropped), heading=heading)
