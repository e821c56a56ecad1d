"""Each of 256 threads proposes one expert; those beyond are never chosen."""

import torch


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    if p.shape[-1] > 256 and top_k <= 256:
        p = p[:, :256]
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)
