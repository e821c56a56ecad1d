"""Hugging Face transformers: the attention interface `sdpa` and its boolean masks."""

from types import SimpleNamespace

from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import (
    causal_mask_function,
    sdpa_mask,
    sliding_window_causal_mask_function,
)

CONFORM = {
    "name": "hf-sdpa",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {
        "attention": {
            # one mask argument: boolean or additive, not both
            "requires": [
                "window is None or causal",
                "bias is None or (mask is None and not causal)",
            ],
        },
    },
}


def visible(lq, lk, function):
    return sdpa_mask(
        1, lq, lk, q_offset=lk - lq, mask_function=function, allow_is_causal_skip=False
    )


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    module = SimpleNamespace(num_key_value_groups=q.shape[1] // k.shape[1], is_causal=False)
    if causal:
        function = sliding_window_causal_mask_function(window) if window else causal_mask_function
        shown = visible(q.shape[2], k.shape[2], function)
        mask = shown if mask is None else shown & mask
    given = bias if mask is None else mask
    if given is not None:  # the interface wants a mask of all four dimensions
        given = given.expand(*q.shape[:3], k.shape[2])
    return sdpa_attention_forward(module, q, k, v, given, scaling=scale)[0].transpose(1, 2)


def causal_mask(Lq, Lk):
    return visible(Lq, Lk, causal_mask_function)[0, 0]


def sliding_window_mask(Lq, Lk, window):
    return visible(Lq, Lk, sliding_window_causal_mask_function(window))[0, 0]
