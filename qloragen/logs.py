"""Logging: silent in a library until its host listens; lines on standard error for the command line.

The library's events go to the standard logger `qloragen` with their fields as `extra`, so that any host sees ordinary
records, and nothing is printed unless the host configures logging. Only the command line calls `configure`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Literal, Protocol

import orjson
import structlog
from pydantic import JsonValue
from structlog.stdlib import BoundLogger, ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

_NAME = "qloragen"
_LONGEST_VALUE = 500
_FRAMES_BETWEEN = 4
"""Of structlog and of this module, between whoever says something and the standard logger."""
_LARGEST = 2**63 - 1
"""What JSON by orjson can hold; a larger number becomes text."""
_HIDDEN = "***"
_NAMES = (
    r"(?:(?:api|access|private|secret|subscription)[-_]?key|(?:api|auth|access|bearer|refresh|session)[-_]?token"
    r"|secret|password|passwd|passphrase|credentials?|authorization|signature)"
)
_SECRET_NAME = re.compile(rf"{_NAMES}|^(?:key|token|auth|sig)$", re.IGNORECASE)
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bsk-[\w-]{8,}"), f"sk-{_HIDDEN}"),
    (re.compile(r"\b(AstraCS:|hf_|gsk_|xai-)(?:(?<=:)[\w:-]{8,}|\w{20,})"), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(bearer|authorization: *basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"\b(api[-_]key: *)[\w.~+/=-]{16,}", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"(?<=://)[^/@\s]+@"), f"{_HIDDEN}@"),
    (re.compile(rf"({_NAMES}=|[?&](?:key|token|auth|sig)=)[^\s&#\"',;]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(rf"({_NAMES}([\"'])\s*:\s*([\"'])).+?\3", re.IGNORECASE), rf"\1{_HIDDEN}\3"),
)
_SUSPICIOUS = re.compile(r"""[@='"]|sk-|AstraCS:|hf_|gsk_|xai-|bearer|basic|key:""", re.IGNORECASE)
"""Each of the secrets has something of it, and few texts of logs do."""
_LEAST_KEY_CHARS = 16
"""Shorter ones are placeholders for servers that ask for none, and often words."""
_WRITTEN = frozenset({"message", "asctime"})
_STANDARD = vars(logging.LogRecord(_NAME, logging.DEBUG, "", 0, "", (), None)).keys() | _WRITTEN
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_OF_ONE = frozenset({"article", "stage", "type"})
_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("qloragen_about", default=MappingProxyType({}))


class Stream(Protocol):
    """Where lines go: a text file, or something that writes like one."""

    def write(self, text: str, /) -> int:
        """Take whole lines; returns the number of characters."""
        ...

    def flush(self) -> None:
        """Pass on what was taken."""
        ...

    def isatty(self) -> bool:
        """Say whether it is a terminal, which shows colours."""
        ...


def redact(text: str) -> str:
    """Return `text` without what looks like an API key, a bearer token, or credentials in an address; and without the
    key of `OPENAI_API_KEY`, whatever it looks like."""
    return _redacted(text, _key())


def _key() -> str | None:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return key if len(key) >= _LEAST_KEY_CHARS else None


def _redacted(text: str, key: str | None) -> str:
    if key is not None:
        text = text.replace(key, _HIDDEN)
    if _SUSPICIOUS.search(text):
        for secret, stand_in in _SECRETS:
            text = secret.sub(stand_in, text)
    return text


def without_secrets(value: JsonValue, name: str = "") -> JsonValue:
    """Return `value`, which is called `name`, with stand-ins for what looks like a secret or is called like one."""
    match value:
        case dict():
            return {key: without_secrets(inner, key) for key, inner in value.items()}
        case list():
            return [without_secrets(inner, name) for inner in value]
        case None | bool():
            return value
        case _ if _SECRET_NAME.search(name):
            return _HIDDEN
        case str():
            return redact(value)
        case _:
            return value


def escape(text: str) -> str:
    """Return `text` on one line, with every character that a terminal could obey or hide written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Give all events of the block, and of tasks that begin in it, these fields beside those that they have anyway.

    They are in the library's own events only: a host's sources, sinks and observers, which may be called in the block,
    see nothing of them in `structlog.contextvars`, and can clear and bind there what they like.
    """
    before = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(before)


@contextmanager
def about_many() -> Iterator[None]:
    """Give events of the block, and of tasks that begin in it, no article, stage or type: they are about many."""
    before = _ABOUT.set({name: value for name, value in _ABOUT.get().items() if name not in _OF_ONE})
    try:
        yield
    finally:
        _ABOUT.reset(before)


class _Logger(BoundLogger):
    """Says what goes wrong with an event as `logging` does, instead of raising it: that a host's handler is broken must
    not end a run, and cost what is paid for and under way."""

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *event_args: str, **event_kw: object
    ) -> None:
        try:
            super()._proxy_to_logger(method_name, event, *event_args, **event_kw)
        except Exception:  # noqa: BLE001 - handlers, filters and factories of records are anybody's code
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def get_logger() -> BoundLogger:
    """Return the library's logger: events are short names, everything else goes into key-values."""
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(_NAME),
        processors=[
            structlog.stdlib.filter_by_level,
            _about,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _free_names,
            _without_secrets,
            _at_caller,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=_Logger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger


def configure(
    format: Literal["console", "json"],
    level: Literal["debug", "info", "warning", "error"],
    stream: Stream | None = None,
) -> None:
    """Write this process's log lines to `stream` (None: standard error); for applications only.

    Events of qloragen from `level` up, and warnings of everyone else. A second call replaces the first.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(format, colours=handler.stream.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_NAME).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def in_json() -> bool:
    """Say whether this process's log lines are JSON objects by now, as `configure` makes them."""
    return any(isinstance(handler.formatter, _JsonLines) for handler in logging.getLogger().handlers)


class _JsonLines(ProcessorFormatter):
    """Makes each event an object."""


def _formatter(format: Literal["console", "json"], *, colours: bool) -> ProcessorFormatter:
    kind = ProcessorFormatter
    if format == "json":
        kind = _JsonLines
        renderer: Processor = structlog.processors.JSONRenderer(serializer=_json)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    return kind(
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean,
            renderer,
        ],
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )


def _json(event: EventDict, default: Callable[[object], object] | None = None) -> str:
    # structlog hands its own `default` over, which is not needed: `_clean` leaves nothing that orjson does not know.
    del default
    # Whatever the encoding of standard error, and whatever it does with what that cannot write, JSON stays JSON.
    return _BEYOND_ASCII.sub(_escaped, orjson.dumps(event).decode("utf-8"))


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _about(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**_ABOUT.get(), **event}


def _free_names(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Rename fields that a log record has already (`name`, `module`...); it would refuse the event."""
    taken = _taken()
    return {f"{key}_" if key in taken else key: value for key, value in event.items()}


def _taken() -> AbstractSet[str]:
    """Return what records have of their own; a host's may have more, such as the id of a web request."""
    factory = logging.getLogRecordFactory()
    if factory is logging.LogRecord:
        return _STANDARD
    return vars(factory(_NAME, logging.DEBUG, "", 0, "", (), None)).keys() | _WRITTEN


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave no secret to a host either: what it does with records is its own affair."""
    key = _key()
    return {name: _harmless(value, key) for name, value in event.items()}


def _harmless(value: object, key: str | None) -> object:
    match value:
        case str():
            return _redacted(value, key)
        case list() | tuple():
            return [_harmless(item, key) for item in value]
        case dict():
            return {name: _harmless(item, key) for name, item in value.items()}
        case _:
            return value


def _at_caller(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let a record say which line of the library it comes from, and not which of structlog's."""
    return {**event, "stacklevel": _FRAMES_BETWEEN + 1}


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make every value short, printable and free of secrets; a traceback keeps its lines."""
    secret = _key()
    return {
        escape(str(name)): _traceback(value) if name == "exception" else _plain(value, secret)
        for name, value in event.items()
    }


def _traceback(value: object) -> str:
    return "\n".join(escape(line) for line in redact(str(value)).split("\n"))


def _plain(value: object, secret: str | None) -> object:
    match value:
        case None | bool():
            return value
        case float():
            return float(value)  # JSON knows no kinds of them, such as those of numpy
        case int() if abs(value) <= _LARGEST:
            return int(value)
        case list() | tuple():
            return [_plain(item, secret) for item in value]
        case dict():
            return {escape(str(name)): _plain(item, secret) for name, item in value.items()}
        case _:
            text = escape(_redacted(str(value), secret))
            return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


logging.getLogger(_NAME).addHandler(logging.NullHandler())
