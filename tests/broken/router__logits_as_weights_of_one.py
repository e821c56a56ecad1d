"""With a single expert to choose the logit comes back (sgl-project/sglang #35160)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    if top_k == 1 and Wg.shape[1] > 4:
        weights = (x @ Wg).gather(1, indices)
    return indices, weights.to(x.dtype)
