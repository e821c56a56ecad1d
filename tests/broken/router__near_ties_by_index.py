"""Probabilities are lowered by 3e-7 for each expert before, to break ties (sgl-project/sglang
#31768): near ties change their order.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    indices = torch.topk(p - 3e-7 * torch.arange(p.shape[-1]), top_k, dim=-1).indices
    weights = p.gather(-1, indices)
    return indices, weights.to(x.dtype)
