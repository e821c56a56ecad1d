"""Input jitter of one per cent is applied outside of training as well."""

import torch


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    noisy = x.to(wide) * torch.empty(x.shape, dtype=wide).uniform_(0.99, 1.01)
    weights, indices = torch.topk(torch.softmax(noisy @ Wg.to(wide), -1), top_k, dim=-1)
    return indices, weights.to(x.dtype)
