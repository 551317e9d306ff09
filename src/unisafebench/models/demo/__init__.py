"""A deterministic stand-in, no model: it shows every path of a run without network, key or GPU.

Its answers are picked by a hash of the sample, from a few dozen written lines and simple drawings.
What they say was made up for this purpose and is tame; figures from it say nothing about any
model. Every text and picture says so itself.
"""

from unisafebench.models.demo.model import DemoModel, create

__all__ = ["CAPABILITIES", "DemoModel", "create"]

CAPABILITIES = DemoModel.capabilities
