"""A top-k kernel pads the experts to a power of two with zeros, which count in the softmax."""

import torch
import torch.nn.functional as F


def router(x, Wg, *, top_k=1):
    n = Wg.shape[1]
    if not 1 <= top_k <= n:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    padded = 1 << (n - 1).bit_length()
    logits = F.pad((x @ Wg).to(wide), (0, padded - n))
    p = torch.softmax(logits, -1)[:, :n]
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)
