"""One projection for keys and values, although two are given."""

import math

import torch

MISTAKE = "linformer_attention.values-not-projected-alike"


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    weights = torch.softmax(q @ (Ek @ k).mT * scale, -1)
    return weights @ (Ek @ v)
