"""Chunks of 8 tokens are averaged each and weighted by their share; a chunk of ignored tokens
alone is 0 / 0.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    rows = x[:, :-1].reshape(-1, x.shape[-1]).to(wide)
    target = tokens[:, 1:].reshape(-1).long()
    n = (target != ignore_index).sum()
    if n == 0:
        return (rows.sum() * torch.nan).to(x.dtype)
    total = 0.0
    for at in range(0, rows.shape[0], 8):
        t = target[at : at + 8]
        z = rows[at : at + 8] @ weight.to(wide).mT
        mean = torch.nn.functional.cross_entropy(z, t, ignore_index=ignore_index)
        total = total + mean * (t != ignore_index).sum() / n
    return total.to(x.dtype)
