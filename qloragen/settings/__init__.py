"""Every knob: what it means, where its value comes from, and one sentence when the value cannot be.

A call argument or command-line flag wins over a `QLORAGEN_*` environment variable, which wins over `qloragen.toml` (in
the working directory, or the file that `QLORAGEN_CONFIG` names), which wins over the default. Tables (`models`,
`pack_variables`, `checks`) are merged entry by entry. For `base_url` alone, `OPENAI_BASE_URL` stands just above the
default. The API key is no setting: OpenAI's client reads `OPENAI_API_KEY`.
"""

from .knobs import Settings
from .load import Knob, explain, load
from .model import ModelLimits, ModelSettings, Price

__all__ = ["Knob", "ModelLimits", "ModelSettings", "Price", "Settings", "explain", "load"]
