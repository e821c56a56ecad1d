"""Hugging Face transformers, Llama 4: rotation by complex numbers, norm, masks beside a cache."""

import torch
from transformers import DynamicCache, Llama4TextConfig
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.models.llama4.modeling_llama4 import Llama4TextRMSNorm, apply_rotary_emb

FLOAT32 = {"compute_dtype": "float32"}
CONFORM = {
    "name": "hf-llama4",
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "rope": {
            "strides": "last_contiguous",
            "conventions": {"rope_pairing": "interleaved", **FLOAT32},
            "limits": {"D": {"multiple_of": 2}},
        },
        "rms_norm": {"conventions": FLOAT32},
        "causal_mask": {"requires": ["Lq <= Lk"]},
        "sliding_window_mask": {"requires": ["Lq <= Lk"]},
    },
}


def rope(x, positions, *, base=10000.0):
    length, width = x.shape[-2:]
    rows = positions.reshape(-1, length)
    turns = rows[..., None] * base ** (-torch.arange(0, width, 2) / width)
    heads = x.reshape(len(rows), x.shape[:-2].numel() // len(rows), length, width).transpose(1, 2)
    turned, _ = apply_rotary_emb(heads, heads, torch.polar(torch.ones_like(turns), turns))
    return turned.transpose(1, 2).reshape(x.shape)


def rms_norm(x, gamma, *, eps=1e-6):
    return torch.func.functional_call(Llama4TextRMSNorm(x.shape[-1], eps), {"weight": gamma}, (x,))


def _mask(make, Lq, Lk, **settings):
    config = Llama4TextConfig(num_hidden_layers=1, layer_types=["full_attention"], **settings)
    config._attn_implementation = "eager"
    cache = DynamicCache()
    if Lk > Lq:
        cache.update(torch.empty(1, 1, Lk - Lq, 1), torch.empty(1, 1, Lk - Lq, 1), 0)
    places = torch.arange(Lk - Lq, Lk)[None]
    mask = make(config, torch.empty(1, Lq, 1), None, cache, position_ids=places)
    return mask[0, 0] == 0


def causal_mask(Lq, Lk):
    return _mask(create_causal_mask, Lq, Lk)


def sliding_window_mask(Lq, Lk, window):
    return _mask(create_sliding_window_causal_mask, Lq, Lk, sliding_window=window)
