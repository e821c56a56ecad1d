"""With one expert a token the last dimension is lost."""

import torch


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    if top_k == 1:
        weights, indices = p.max(-1)
    else:
        weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)
