"""For eight of 128 experts, and only there, the weights are those of another scoring."""

import torch


def router(x, Wg, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    if p.shape[-1] == 128 and top_k == 8:
        weights = torch.sigmoid((x @ Wg).to(wide)).gather(-1, indices)
    return indices, weights.to(x.dtype)
