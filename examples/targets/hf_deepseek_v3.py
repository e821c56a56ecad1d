"""Hugging Face transformers, DeepSeek-V3: features come in pairs and leave in halves."""

import torch
from transformers.models.deepseek_v3.modeling_deepseek_v3 import apply_rotary_pos_emb_interleave

CONFORM = {
    "name": "hf-deepseek-v3",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "rope": {
            "rounding": "tables-in-dtype",
            "conventions": {
                "rope_pairing": "interleaved",
                "rope_output": "deinterleaved",
                "compute_dtype": "float32",
            },
            "limits": {"D": {"multiple_of": 2}},
        },
    },
}


def rope(x, positions, *, base=10000.0):
    length, width = x.shape[-2:]
    rows = positions.reshape(-1, length)
    turns = rows[..., None] * base ** (-torch.arange(0, width, 2) / width)
    angles = torch.cat([turns, turns], -1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    heads = x.reshape(len(rows), x.shape[:-2].numel() // len(rows), length, width)
    return apply_rotary_pos_emb_interleave(heads, heads, cos, sin)[0].reshape(x.shape)
