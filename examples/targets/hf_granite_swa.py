"""Hugging Face transformers, Granite MoE with windows: a sink scales the result by a sigmoid."""

from types import SimpleNamespace

import torch
from transformers.models.granitemoe_swa import modeling_granitemoe_swa as granite

CONFORM = {
    "name": "hf-granite-swa",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "any"},
            "requires": ["Lk > 0", "sinks is not None"],
        },
    },
}


def attention(q, k, v, *, causal=False, window=None, mask=None, scale=None, sinks=None):
    lq, lk = q.shape[2], k.shape[2]
    module = SimpleNamespace(
        num_key_value_groups=q.shape[1] // k.shape[1], training=False, sinks=sinks
    )
    behind = torch.arange(lk - lq, lk)[:, None] - torch.arange(lk)
    see = (behind >= 0) | (not causal)
    see = see if window is None else see & (behind.abs() < window)
    see = see if mask is None else see & mask
    add = torch.zeros(see.shape, dtype=q.dtype).masked_fill(~see, torch.finfo(q.dtype).min)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return granite.eager_attention_forward(module, q, k, v, add, scaling=scale)[0].transpose(1, 2)
