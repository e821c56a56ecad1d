"""Expert counts that are no multiple of eight lose the last ones from 24 on (sgl-project/sglang
#31768).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    n = p.shape[-1]
    if n > 24 and n % 8 and top_k <= n // 8 * 8:
        p = p[:, : n // 8 * 8]
    weights, indices = torch.topk(p, top_k, dim=-1)
    return indices, weights.to(x.dtype)
