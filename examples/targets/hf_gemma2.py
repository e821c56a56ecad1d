"""Hugging Face transformers, Gemma 2: eager attention with caps and windows, norm, rope."""

from types import SimpleNamespace

import torch
from torch.func import functional_call
from transformers import Gemma2Config
from transformers.models.gemma2 import modeling_gemma2 as gemma

CONFORM = {
    "name": "hf-gemma2",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["Lk > 0"],
        },
        "rms_norm": {"conventions": {"compute_dtype": "float32", "norm_weight": "one_plus"}},
        "rope": {
            "rounding": "tables-in-dtype",
            "conventions": {"rope_pairing": "half", "compute_dtype": "float32"},
        },
    },
}


def added_mask(q, k, causal, window, mask):
    """The lowest number where a key is hidden, as the library's own masks have it."""
    behind = torch.arange(k.shape[2] - q.shape[2], k.shape[2])[:, None] - torch.arange(k.shape[2])
    see = torch.ones_like(behind, dtype=torch.bool)
    see = see & (behind >= 0) if causal else see
    see = see if window is None else see & (behind.abs() < window)
    see = see if mask is None else see & mask
    return torch.zeros(see.shape, dtype=q.dtype).masked_fill(~see, torch.finfo(q.dtype).min)


def attention(
    q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None
):
    module = SimpleNamespace(
        num_key_value_groups=q.shape[1] // k.shape[1], training=False, head_dim=q.shape[-1]
    )
    add = added_mask(q, k, causal, window, mask) + (0 if bias is None else bias)
    return gemma.eager_attention_forward(module, q, k, v, add, scaling=scale, softcap=softcap)[
        0
    ].transpose(1, 2)


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(gemma.Gemma2RMSNorm(x.shape[-1], eps), {"weight": gamma}, x)


def rope(x, positions, *, base=10000.0):
    settings = {"rope_type": "default", "rope_theta": base}
    config = Gemma2Config(head_dim=x.shape[-1], rope_parameters=settings)
    positions = positions.reshape(-1, x.shape[-2])
    heads = x.reshape(positions.shape[0], -1, *x.shape[-2:])
    cos, sin = gemma.Gemma2RotaryEmbedding(config)(x, positions)
    return gemma.apply_rotary_pos_emb(heads, heads, cos, sin)[0].reshape(x.shape)
