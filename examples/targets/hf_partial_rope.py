"""Hugging Face transformers: the partial rotations of GPT-NeoX (halves) and GLM (pairs)."""

from math import prod

import torch
from transformers.models.glm import modeling_glm
from transformers.models.gpt_neox import modeling_gpt_neox

CONFORM = {
    "name": "hf-partial-rope",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"rope": {"rounding": "tables-in-dtype"}},
}


def rope(x, positions, *, base=10000.0, interleaved=False, rotary_dim=None):
    R = x.shape[-1] if rotary_dim is None else rotary_dim
    if R % 2 or x.shape[-1] < R:
        raise ValueError
    inv = 1.0 / (base ** (torch.arange(0, R, 2).float() / max(R, 1)))
    f = positions.float()[..., None] * inv
    emb = torch.cat([f, f], -1)
    cos, sin = emb.cos().to(x.dtype), emb.sin().to(x.dtype)
    # the models' layout: a batch, heads, tokens; positions without a batch serve all of it
    batch = 1 if positions.dim() == 1 else len(x)
    y = x.reshape(batch, prod(x.shape[:-2]) // max(batch, 1), *x.shape[-2:])
    cos, sin = (t.expand(batch, *t.shape[-2:]) for t in (cos, sin))
    apply = (modeling_glm if interleaved else modeling_gpt_neox).apply_rotary_pos_emb
    return apply(y, y, cos, sin)[0].reshape(x.shape)
