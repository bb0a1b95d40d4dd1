"""Records of a run to its other sinks, behind the journal: each at least once, at their own pace, to the end."""

from .at_rest import Delivered, adeliver, deliver
from .behind import missing_in_sinks
from .following import Patience
from .sending import Delivery, delivering

__all__ = ["Delivered", "Delivery", "Patience", "adeliver", "deliver", "delivering", "missing_in_sinks"]
