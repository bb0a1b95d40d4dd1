"""Reference pages can be made of what is public: all of it says what it is."""

import importlib
import inspect
import pydoc
from collections.abc import Iterator

import pytest

MODULES = ("", ".astra", ".classifiers", ".engine", ".errors", ".simulator", ".sinks", ".testing")


def public_names(module: object) -> list[str]:
    listed: list[str] | None = getattr(module, "__all__", None)
    return listed or [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith("qloragen") and not name.startswith("_")
    ]


def written(thing: object) -> bool:
    """Whether somebody wrote a docstring: what dataclasses and tuples make up, their signature, says nothing."""
    text = inspect.getdoc(thing) or ""
    name = getattr(thing, "__name__", "")
    return len(text.split()) >= 3 and not (inspect.isclass(thing) and text.startswith(f"{name}("))


def members_of(kind: type) -> Iterator[tuple[str, object]]:
    """Yield what users call and read, as far as it is of ours."""
    for owner in kind.__mro__:
        if owner.__module__.partition(".")[0] == "qloragen":
            for name, value in vars(owner).items():
                callable_ = inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)
                if callable_ and not name.startswith("_"):
                    yield name, getattr(kind, name)


def undocumented(module: object) -> Iterator[str]:
    for name in public_names(module):
        thing = getattr(module, name)
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and not written(thing):
            yield name
        if inspect.isclass(thing):
            yield from (f"{name}.{member}" for member, value in members_of(thing) if not written(value))


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module):
    found = importlib.import_module(f"qloragen{module}")

    assert written(found)
    assert sorted({*undocumented(found)}) == []


@pytest.mark.parametrize("module", MODULES)
def test_reference_pages_can_be_made_of_everything_public(module):
    found = importlib.import_module(f"qloragen{module}")

    page = pydoc.plain(pydoc.render_doc(found))

    for name in public_names(found):
        about = pydoc.plain(pydoc.render_doc(getattr(found, name)))
        assert name in page or name in about


def test_what_says_nothing_is_found():
    class Bare:
        """Say a thing or two."""

        def method(self) -> None: ...

        @property
        def reading(self) -> int:
            return 1

    Bare.__module__ = "qloragen.none"
    bare = type("bare", (), {"__all__": ["Bare", "lone"], "Bare": Bare, "lone": lambda: None})

    assert sorted(undocumented(bare)) == ["Bare.method", "Bare.reading", "lone"]
