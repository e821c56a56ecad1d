"""The search for the next expert starts at 0: where the others' probabilities underflow it returns
the first expert again (vllm-project/vllm #42608, #39391).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    indices = torch.where(weights > 0, indices, 0)
    return indices, weights.to(x.dtype)
