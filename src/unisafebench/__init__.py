"""Uni-SafeBench: does unifying understanding and generation cost safety?"""

__version__ = "0.1.0"
__all__ = ["__version__"]
