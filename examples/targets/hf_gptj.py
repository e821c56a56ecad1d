"""Hugging Face transformers, GPT-J: interleaved rotary embedding, whole or partial."""

import torch
from transformers.models.gptj.modeling_gptj import (
    apply_rotary_pos_emb,
    create_sinusoidal_positions,
)

CONFORM = {
    "name": "hf-gptj",
    "operators": {
        "rope": {
            "conventions": {"rope_pairing": "interleaved", "compute_dtype": "float32"},
        },
    },
}


def rope(x, positions, *, rotary_dim=None):
    dim = rotary_dim or x.shape[-1]
    table = create_sinusoidal_positions(int(positions.max()) + 1, dim)
    sin, cos = table[positions.reshape(-1, x.shape[-2])].chunk(2, dim=-1)
    heads = x.reshape(sin.shape[0], -1, *x.shape[-2:]).transpose(1, 2)
    turned = apply_rotary_pos_emb(heads[..., :dim], sin, cos)
    # the module concatenates in the wider dtype; the attention casts back
    whole = torch.cat([turned, heads[..., dim:]], dim=-1).to(x.dtype)
    return whole.transpose(1, 2).reshape(x.shape)
