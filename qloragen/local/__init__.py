"""A language model on this machine: an OpenAI-compatible server on loopback, for as long as a context is open.

`server` starts and stops it, `weights` finds the file to serve, and `child` is the program in the other process.
"""

from .server import LocalServer, serve

__all__ = ["LocalServer", "serve"]
