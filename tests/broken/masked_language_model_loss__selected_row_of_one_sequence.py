"""Positions that are selected are gathered by their place in the sequence, and the batch is left
out where all sequences have as many.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def masked_language_model_loss(logits, tokens, selected):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z, n = logits.to(wide), selected.sum(1)
    target = tokens.long()
    if selected.shape[0] > 1 and bool((n == n[0]).all()) and int(n[0]) > 0:
        where = selected[0].nonzero()[:, 0]
        picked, t = z[:, where].reshape(-1, z.shape[-1]), target[:, where].reshape(-1)
    else:
        picked, t = z[selected], target[selected]
    return torch.nn.functional.cross_entropy(picked, t).to(logits.dtype)
