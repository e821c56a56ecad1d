"""Where all experts are chosen they come by number."""

import torch


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    if top_k == Wg.shape[1]:
        return torch.arange(top_k).expand(len(x), top_k).clone(), p.to(x.dtype)
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)
