"""What decides whether a record is good enough: the thresholds of all checks, and what is done about what they find."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["reject", "flag", "off"]
"""What a check's finding does to a record: refuses it; is noted in it; nothing, for it is not looked for."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Thresholds(BaseModel):
    """Every threshold by name, and where something else than usual is to be done about a finding, by its code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: dict[str, Action] = Field(
        default_factory=dict, description="Code of a check to reject, flag or off, in place of what it does by itself"
    )
    prompt_echo: Share = Field(
        0.7, description="Share of words in common (Jaccard) from which an instruction repeats its prompt"
    )
    context_tokens: Annotated[int, Field(ge=256)] = Field(
        2_048, description="Context of the training: longer training prompts are refused"
    )
