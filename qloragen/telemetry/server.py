"""Whom calls go to, as traces and metrics name it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from ..settings import Settings

_OPENAI = "https://api.openai.com/v1"
_PORTS = {"http": 80, "https": 443}
_PROVIDERS = {
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.openai",
    "amazonaws.com": "aws.bedrock",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
}
"""Names of the conventions, by the end of the host's name."""


class Server(NamedTuple):
    """Who answers calls."""

    provider: str
    """As the conventions call it; `openai` also for anyone unknown who speaks its API."""
    address: str | None
    """Name of the host; None for a model on this machine, whose server is started later."""
    port: int | None


def server_of(settings: Settings) -> Server:
    """Return who answers the calls of a run. Nothing of an address but host and port is told: it may hold a key."""
    if settings.local:
        return Server("openai", None, None)
    url = urlsplit(settings.base_url or _OPENAI)
    host = (url.hostname or "").lower()
    provider = next((name for end, name in _PROVIDERS.items() if host == end or host.endswith(f".{end}")), "openai")
    return Server(provider, host, url.port or _PORTS.get(url.scheme))
