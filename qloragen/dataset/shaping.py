"""The form of rows, with the texts of the user's or of a prompt pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..export import ExportError
from ..export.form import Form
from ..export.forms import form_of
from ..export.prompt import Prompt
from ..packs import load_pack
from ..settings import load

_MADE_BY_TEMPLATE = ("text", "prompt-completion")
_UNUSED = Prompt("${instruction}\n${input}\n${output}")
"""For forms that are not made by a template."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts that a form may have besides those of examples."""

    system: str | None = None
    """What chats begin with."""
    template: Path | None = None
    """File with the training template; None: that of the pack."""
    eos: str | None = None
    """Goes after the end marker of the template."""
    pack: str | Path | None = None
    """None: the one in the settings."""

    def shape(self, format: str) -> Form:
        """Return the form called `format` with these texts.

        Raises:
            SetupError: There is no such form, it has no place for one of them, or the template or the pack has a
                mistake.
        """
        if format in _MADE_BY_TEMPLATE:
            return form_of(format, system=self.system, prompt=self._prompt())
        form = form_of(format, system=self.system, prompt=_UNUSED)
        for name, value in (("template", self.template), ("eos", self.eos)):
            if value:
                raise ExportError(
                    f"The format {format} is not made by a template, so that it has no place for {name}; leave it out, "
                    f"or use {' or '.join(_MADE_BY_TEMPLATE)}."
                )
        return form

    def _prompt(self) -> Prompt:
        settings = load(pack=self.pack)
        pack = load_pack(settings.pack, settings.pack_variables)
        if self.template is None:
            return Prompt(pack.training, pack.variables, self.eos or "")
        return Prompt(_read(self.template), pack.variables, self.eos or "", str(self.template))


def _read(template: Path) -> str:
    try:
        return template.read_text("utf-8")
    except OSError as error:
        raise ExportError(f"The template {template} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ExportError(f"The template {template} is not UTF-8: {error.reason} at byte {error.start}.") from error
