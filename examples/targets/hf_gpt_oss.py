"""Hugging Face transformers, GPT-OSS: eager attention with a sink for each head, norm."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers.models.gpt_oss import modeling_gpt_oss as oss

CONFORM = {
    "name": "hf-gpt-oss",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "any"},
            "requires": ["Lk > 0", "sinks is not None"],
        },
        "rms_norm": {"conventions": {"compute_dtype": "float32"}},
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
    return oss.eager_attention_forward(module, q, k, v, add, scaling=scale)[0].transpose(1, 2)


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(oss.GptOssRMSNorm(x.shape[-1], eps), {"weight": gamma}, x)
