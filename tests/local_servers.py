"""Servers for open models, as far as they differ from a provider: no limits announced, no tools, whatever key."""

from qloragen.simulator import Call, Effect, error

OPENAI_ONLY = ("prompt_cache_key", "prompt_cache_options", "reasoning_effort", "service_tier", "store", "metadata")


def like_vllm(call: Call) -> Effect | None:
    """Refuse what vLLM refuses when it was started without a parser for tools, and what only OpenAI has."""
    if "tools" in call.body:
        return error(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    unknown = [name for name in OPENAI_ONLY if name in call.body]
    return error(400, f"Extra inputs are not permitted: {unknown[0]}", param=unknown[0]) if unknown else None


def like_llama_cpp(call: Call) -> Effect | None:
    """Refuse tools as llama-server does without --jinja; fields that it does not know it passes over."""
    return error(500, "tools param requires --jinja flag") if "tools" in call.body else None
