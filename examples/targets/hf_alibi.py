"""Hugging Face transformers, Bloom: ALiBi, whose bias is the slope times the key's position."""

import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

CONFORM = {
    "name": "hf-bloom",
    "operators": {"alibi_bias": {"conventions": {"alibi_form": "key_position"}}},
}


def alibi_slopes(heads):
    # the bias of the second key is the slope itself
    return build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]


def alibi_bias(heads, Lq, Lk):
    return build_alibi_tensor(torch.ones(1, Lk), heads, torch.float32).expand(heads, Lq, Lk)
