"""Wrong relatives of the model domain's operators."""

from typing import Any

from conform_reference import model as right


def attention_parameters_floor(**options: Any) -> int:
    """Heads that do not divide the width get the rounded-down share, without a word."""
    heads, width = options["heads"], options["width"]
    size = options.get("head_dim") or width // max(heads, 1)
    shared = options.get("kv_heads") or heads
    bias = size * (heads + 2 * shared) + width if options.get("bias") else 0
    return 2 * width * size * (heads + shared) + bias


def encoder_decoder_parameters_floor(**options: Any) -> int:
    """The heads are not looked at."""
    return right.encoder_decoder_parameters(**{**options, "heads": 1})
