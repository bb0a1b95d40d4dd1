"""Fill a JSON schema, of the kinds that pydantic makes, with a value that it allows and with words of the prompt."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

from .answer_plain import plain
from .answer_prompt import Prompt
from .answer_reading import read_text
from .answer_scalars import Json, allows, bound, fitted, integer, number, string

_DEEP, _DEEPEST = 5, 40
"""Levels from which nothing optional is filled in, and from which nothing is."""
_MOST_VALUES = 2_000
"""Values in one answer; a schema that needs more is not filled completely."""
_MOST_ITEMS = 200
"""What is given where a schema asks for more at the least."""


def fill(schema: Json, prompt: Prompt, known: Mapping[str, object]) -> object:
    """Return a value for `schema`; `known` are the values of properties of its top level, made to fit."""
    filling = _Filling(schema, prompt)
    properties = resolved(schema, schema).get("properties")
    if not isinstance(properties, dict) or not known:
        return filling.value(schema, "", 0)
    return {
        name: filling.fitted(part, name, known[name]) if name in known else filling.value(part, name, 1)
        for name, part in properties.items()
    }


@lru_cache(maxsize=128)
def _phrases(material: str) -> tuple[str, ...]:
    found = [sentence for _, text in read_text(material).paragraphs[:12] for sentence in plain(text).sentences]
    lines = (" ".join(line.split()) for line in material.splitlines())
    return tuple(found or filter(None, lines))[:20] or ("A plain answer to the question.",)


# -------------------------------------------------------------------------------------------------------- references


def resolved(schema: object, root: Json) -> Json:
    """Return `schema` with its reference followed and its `allOf` merged; empty for one that allows everything."""
    found = _followed(schema, root)
    parts = _array(found.get("allOf"))
    return _merged(found, parts, root) if parts else found


def _followed(schema: object, root: Json) -> Json:
    found = schema
    for _ in range(_DEEP):
        if not isinstance(found, dict) or not isinstance(found.get("$ref"), str):
            break
        found = {**_pointed(root, found["$ref"]), **{key: value for key, value in found.items() if key != "$ref"}}
    return found if isinstance(found, dict) else {}


def _pointed(root: Json, pointer: str) -> Json:
    """Return what `#/$defs/Name` points to."""
    found: object = root
    for step in filter(None, pointer.removeprefix("#").split("/")):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _merged(schema: Json, parts: Sequence[object], root: Json) -> Json:
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts[:_MOST_ITEMS]:
        followed = {key: value for key, value in _followed(part, root).items() if key != "allOf"}
        both = {**_object(merged.get("properties")), **_object(followed.get("properties"))}
        needed = [*_array(merged.get("required")), *_array(followed.get("required"))]
        merged = {**followed, **merged}
        merged |= {key: value for key, value in (("properties", both), ("required", needed)) if value}
    return merged


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _array(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _type(schema: Json) -> object:
    """Return the type that a schema is of, the first but null where it allows several."""
    kinds = _array(schema.get("type"))
    if kinds:
        return next((kind for kind in kinds if kind != "null"), "null")
    if "type" in schema:
        return schema["type"]
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


# ------------------------------------------------------------------------------------------------------------ values


class _Filling:
    """One schema on its way to a value."""

    def __init__(self, root: Json, prompt: Prompt) -> None:
        self._root = root
        self._material = prompt.material
        self._seed = crc32(f"{prompt.material}|{prompt.ask}|{prompt.salt}".encode())
        self._made = 0

    def fitted(self, part: object, name: str, known: object) -> object:
        """Return a `known` value within the bounds of `part`, or another where `part` is of another type."""
        schema = resolved(part, self._root)
        kind = schema.get("type")
        if kind == "string" and isinstance(known, str) and schema.keys().isdisjoint(("enum", "const", "pattern")):
            return fitted(known, schema, lambda: _phrases(self._material))
        if kind == "array" and isinstance(known, tuple):
            items = resolved(schema.get("items"), self._root)
            fitting = [value for value in known if allows(items, value)][: bound(schema, "maxItems", _MOST_ITEMS)]
            if fitting and len(fitting) >= bound(schema, "minItems", 0):
                return fitting
        return self.value(part, name, 1)

    def value(self, part: object, name: str, depth: int) -> object:
        """Return a value for the schema `part` of a property called `name`."""
        self._made += 1
        if depth > _DEEPEST or self._made > _MOST_VALUES:
            return None
        schema = resolved(part, self._root)
        if "const" in schema:
            return schema["const"]
        choices = _array(schema.get("enum"))
        if choices:
            return choices[self._draw(len(choices))]
        branches = _array(schema.get("anyOf")) or _array(schema.get("oneOf"))
        if branches:
            return self.value(self._branch(branches, depth), name, depth + 1)
        return self._of_type(schema, name, depth)

    def _of_type(self, schema: Json, name: str, depth: int) -> object:
        match _type(schema):
            case "object":
                return self._mapping(schema, depth)
            case "array":
                return self._list(schema, name, depth)
            case "null":
                return None
        return self._scalar(schema, name)

    def _scalar(self, schema: Json, name: str) -> object:
        match _type(schema):
            case "integer":
                return integer(schema, self._draw)
            case "number":
                return number(schema, self._draw)
            case "boolean":
                return self._draw(2) == 1
        return string(schema, name, _phrases(self._material), self._draw)

    def _draw(self, choices: int) -> int:
        return crc32(b"%d|%d" % (self._seed, self._made)) % choices

    def _branch(self, branches: Sequence[object], depth: int) -> object:
        """Return one branch: no null where it can be helped, nothing that goes deeper from some depth on."""
        kinds = [(branch, _type(resolved(branch, self._root))) for branch in branches]
        if depth >= _DEEP:
            return next((branch for branch, kind in kinds if kind not in _NESTED), branches[0])
        passed = _passed({kind for _, kind in kinds})
        full = [branch for branch, kind in kinds if kind not in passed]
        return full[self._draw(len(full))] if full else branches[0]

    def _mapping(self, schema: Json, depth: int) -> object:
        made = {name: self.value(part, name, depth + 1) for name, part in _properties(schema, depth)}
        free = schema.get("additionalProperties")
        if free is False:
            return made
        usual = 2 if isinstance(free, dict) and not made and depth < _DEEP else 0
        least, most = bound(schema, "minProperties", 0), bound(schema, "maxProperties", _MOST_ITEMS)
        for at in range(min(max(usual, least), most, _MOST_ITEMS) - len(made)):
            made[self._key(schema, at, depth)] = self.value(free, "", depth + 1)
        return made

    def _key(self, schema: Json, at: int, depth: int) -> str:
        names = schema.get("propertyNames")
        name = self.value(names, "", depth + 1) if isinstance(names, dict) else None
        return name if isinstance(name, str) else f"key_{at + 1}"

    def _list(self, schema: Json, name: str, depth: int) -> object:
        first = _array(schema.get("prefixItems"))[:_MOST_ITEMS]
        made = [self.value(part, name, depth + 1) for part in first]
        usual = 1 + self._draw(3) if depth < _DEEP and not first else 0
        most = min(bound(schema, "maxItems", _MOST_ITEMS), _MOST_ITEMS)
        wanted = min(max(usual, bound(schema, "minItems", 0)), most)
        items, unique = schema.get("items"), schema.get("uniqueItems") is True
        for _ in range(4 * wanted if items is not False else 0):
            if len(made) >= wanted:
                break
            value = self.value(items, name, depth + 1)
            if not unique or value not in made:
                made.append(value)
        return made[:most]


_NESTED = ("object", "array")


def _passed(kinds: Container[object]) -> Container[object]:
    """Return the types to pass over among the branches of these `kinds`.

    A text beside a number is a number in digits (pydantic's `Decimal`), so that the number is the safe choice.
    """
    return ("null", "string") if "number" in kinds else ("null",)


def _properties(schema: Json, depth: int) -> Iterator[tuple[str, object]]:
    """Yield the properties to give, in the order of the schema; deep down those alone that are required."""
    properties = _object(schema.get("properties"))
    required = [name for name in _array(schema.get("required")) if isinstance(name, str)]
    yield from ((name, part) for name, part in properties.items() if depth < _DEEP or name in required)
    others = (name for name in dict.fromkeys(required) if name not in properties)
    yield from ((name, schema.get("additionalProperties")) for name in others)
