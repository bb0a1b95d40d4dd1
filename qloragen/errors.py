"""Everything qloragen raises, arranged by what the caller can do about it.

    QloragenError
    ├── SetupError            nothing was started: mend what the message names, then start again
    │   ├── SettingsError     a knob has a value it cannot have
    │   ├── PackError         a prompt pack has a mistake
    │   ├── SourceError       a source cannot be read at all
    │   ├── RunLocked         another process is working in the run directory
    │   └── ChangesNotAccepted   work that is done would be paid for again, and nobody has agreed to that
    ├── RequestFailed         give this unit up; the run goes on
    └── RunStopped            stop the run; everything finished is kept and the same command continues it
        ├── AccessDenied      the key is missing or refused
        ├── QuotaExhausted    the account has no credit left
        ├── ModelNotFound     the provider does not know the model
        ├── ProviderUnavailable   nothing but failures for too long
        ├── BudgetReached     the next call could exceed a limit of money, tokens or calls
        ├── StorageFailed     the run directory cannot be written
        ├── ClassifierFailed  a classifier of the caller's own raised an error, or returned what it must not
        ├── SinkFailed        a further sink for records does not take them
        └── Interrupted       a person or the system asked to stop

Messages name the thing, the value and the remedy, in one sentence, and never hold a key, nor article text but for the
few words that a provider may quote in refusing it.
"""

from __future__ import annotations

from signal import Signals


class QloragenError(Exception):
    """Any error of qloragen's own."""


class SetupError(QloragenError):
    """Nothing was started; mend what the message names and start again."""


class SettingsError(SetupError):
    """A knob has a value that it cannot have."""


class PackError(SetupError):
    """A prompt pack has a mistake; the message names the file and the line or key."""


class SourceError(SetupError):
    """A source cannot be read at all (a bad line in a readable source is a `Skip`, not an error)."""


class RunLocked(SetupError):
    """Another process is working in the run directory."""


class ChangesNotAccepted(SetupError):
    """Models, prompts, parameters or articles have changed, so that work which is done would be paid for again. Nothing
    was sent; `accept_changes` goes on, and another run directory keeps both apart."""


class RequestFailed(QloragenError):
    """This request has no answer; others may. Raised by the engine, turned into a failure of the unit by its caller."""

    def __init__(self, message: str, *, reason: str, final: bool, own: bool = False, suspect: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        """A short code, as in the failure table: `timeout`, `context_length`, `bad_request`..."""
        self.final = final
        """The same request will be refused again, so a later run must not repeat it."""
        self.suspect = suspect or own
        """Others succeeded after it had failed once at least, or it was refused as it is: the fault may be its own."""
        self.own = own
        """It failed alike again and again while others succeeded, so the fault is the request's own: a later run must
        not repeat it unless it is told to."""


class RunStopped(QloragenError):
    """The run cannot go on now. What is finished is kept, and the same command continues."""


class AccessDenied(RunStopped):
    """The API key is missing, wrong, or not allowed to do this."""


class QuotaExhausted(RunStopped):
    """The account has no credit or has reached a spending limit of the provider."""


class ModelNotFound(RunStopped):
    """The provider does not know the model, or does not let this key use it."""


class ProviderUnavailable(RunStopped):
    """The provider has answered with nothing but failures for too long."""


class BudgetReached(RunStopped):
    """The next call could take more than is left of a limit of money, tokens or calls."""


class StorageFailed(RunStopped):
    """The run directory cannot be written: disk full, permission, I/O error."""


class ClassifierFailed(RunStopped):
    """A classifier of the caller's own raised an error (`__cause__`), or returned what it must not."""


class SinkFailed(RunStopped):
    """A further sink does not take records, and has not for too long, or raised an error (`__cause__`). The run's own
    files have them; the same command goes on with those that are missing there."""


class Interrupted(RunStopped):
    """A person or the system asked the run to stop."""

    def __init__(self, message: str, *, signal: Signals | None = None, finish_by_s: float | None = None) -> None:
        super().__init__(message)
        self.signal = signal
        """The signal that asked; None where it was none."""
        self.finish_by_s = finish_by_s
        """When calls still in flight are cancelled, on the event loop's clock; None: they have all their time."""
