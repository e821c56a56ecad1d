"""Wrong low-rank methods, 4-bit bases and counts, by name."""

from conform_reference.mistakes._lora_linear import *  # noqa: F403
from conform_reference.mistakes._lora_products import *  # noqa: F403
from conform_reference.mistakes._nf4 import *  # noqa: F403
