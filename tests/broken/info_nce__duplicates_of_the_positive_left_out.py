"""Keys that equal the positive are taken for false negatives and left out of the denominator."""

import torch


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    q, k = queries.to(wide), keys.to(wide)
    same = (k[:, None] == k[None]).all(-1)
    same.fill_diagonal_(False)
    logits = (q @ k.T / temperature).masked_fill(same, float("-inf"))
    return (logits.logsumexp(1) - logits.diagonal()).mean().to(queries.dtype)
