"""A real continuous-batching engine on a machine without a GPU.

vLLM's CPU build serves a tiny Llama with random weights: its words are noise, its scheduler,
its wire format and its metrics are vLLM's own. It lives in a virtual environment of its own
below the user's cache folder (about 3.4 GB), because its dependencies pin half of Python.
"""

from penstock_ops.engine.home import EngineHome
from penstock_ops.engine.process import EngineFault, EngineProcess

__all__ = ["EngineFault", "EngineHome", "EngineProcess"]
