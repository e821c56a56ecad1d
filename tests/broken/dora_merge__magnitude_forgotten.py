"""Merges as if it were LoRA."""

import torch

MISTAKE = "dora_merge.is-lora"


def dora_merge(W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    return (V + 0.0 * m.sum()).to(W0.dtype)
