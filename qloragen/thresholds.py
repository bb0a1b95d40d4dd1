"""What decides whether a record is good enough: the thresholds of all checks, and what is done about what they find."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["reject", "flag", "off"]
"""What a check's finding does to a record: refuses it; is noted in it; nothing, for it is not looked for."""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Thresholds(BaseModel):
    """Every threshold by name, and where something else than usual is to be done about a finding, by its code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: dict[str, Action] = Field(
        default_factory=dict, description="Code of a check to reject, flag or off, in place of what it does by itself"
    )
    min_instruction_words: Count = Field(2, description="Fewest words of an instruction, in scripts that part words")
    min_instruction_bytes: Count = Field(
        8, description="Shortest instruction, in bytes of UTF-8: five characters of Chinese are a short sentence"
    )
    min_input_bytes: Count = Field(20, description="Shortest input, in bytes of UTF-8")
    min_output_bytes: Count = Field(8, description="Shortest output, in bytes of UTF-8")
    max_instruction_bytes: Count = Field(
        600, description="Longest instruction, in bytes of UTF-8: about 95 words, three times what the prompts ask for"
    )
    max_input_bytes: Count = Field(12_000, description="Longest input, in bytes of UTF-8: about 3,000 tokens")
    max_output_bytes: Count = Field(
        3_000, description="Longest output, in bytes of UTF-8: about 450 words, three times what the prompts ask for"
    )
    prompt_echo: Share = Field(
        0.7, description="Share of words in common (Jaccard) from which an instruction repeats its prompt"
    )
    copied: Share = Field(
        0.9, description="Share of a field's length from which another one that is part of it counts as its copy"
    )
    copied_words: Share = Field(
        0.8, description="Share of runs of three words in common (Jaccard) from which output and input are copies"
    )
    repeated_sentences: Share = Field(
        0.5, description="Share of a field's sentences (of four at least) that may have stood there before"
    )
    repeated_words: Share = Field(
        0.3, description="Share of a field's runs of five words that may have stood there before"
    )
    language_words: Count = Field(6, description="Fewest words by which the language of a field is judged")
    language_score: Share = Field(
        0.6, description="Confidence from which a language that is not the article's counts as another one"
    )
    chrome: Share = Field(
        0.5, description="Share of an input, by characters, from which navigation, notices and the like refuse it"
    )
    ungrounded: Share = Field(
        0.3, description="Share of an input's words that the article has, of which less is refused"
    )
    weakly_grounded: Share = Field(
        0.45, description="Share of an input's words that the article has, of which less is noted"
    )
    grounded_sentence: Share = Field(
        0.38,
        description="Share of a sentence's words that stand together in the article, if an input has it from there",
    )
    half_grounded: Share = Field(
        0.33, description="Share of an input that may be in sentences which do not rest on the article"
    )
    unsupported: Share = Field(
        0.28, description="Share of an output's words that instruction and input have, of which less is refused"
    )
    supported_sentence: Share = Field(
        0.25, description="Share of a sentence's words that instruction and input have, if an output has it from there"
    )
    half_supported: Share = Field(
        0.5, description="Share of an output that may be in sentences which do not rest on instruction and input"
    )
    near_duplicate: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = Field(
        0.6, description="Share of runs of three words in common (Jaccard) from which two outputs are near duplicates"
    )
    twin_instruction: Share = Field(
        0.8,
        description="Share of telling words in common (Jaccard) from which two instructions of an article are twins",
    )
    alike: Share = Field(
        0.6,
        description="Share of telling words in common (Jaccard) from which two instructions of an article are alike",
    )
    context_tokens: Annotated[int, Field(ge=256)] = Field(
        2_048, description="Context of the training: longer training prompts are refused"
    )
