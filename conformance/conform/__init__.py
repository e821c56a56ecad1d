"""A conformance checker for transformer building blocks.

`implements` declares a function of a target to be an operator; everything else is on the command
line (`conform --help`).
"""

from conform.target.decorator import implements

__all__ = ["__version__", "implements"]
__version__ = "0.1.0"
