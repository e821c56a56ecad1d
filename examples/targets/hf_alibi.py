"""Hugging Face transformers: ALiBi of MPT (bias) and Bloom (slopes, tanh gelu)."""

import torch
from transformers.models.bloom.modeling_bloom import bloom_gelu_forward, build_alibi_tensor
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

CONFORM = {
    "name": "hf-alibi",
    "operators": {
        # slope * (key - last key), the same for every query
        "alibi_bias": {"conventions": {"alibi_form": "key_position"}},
        "gelu": {"fixed": {"approximate": "tanh"}},
    },
}


def alibi_slopes(heads):
    # the bias of the second key is the slope itself
    return build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]


def alibi_bias(heads, Lq, Lk):
    return build_mpt_alibi_tensor(heads, Lk).expand(heads, Lq, Lk)


def gelu(x):
    return bloom_gelu_forward(x)
