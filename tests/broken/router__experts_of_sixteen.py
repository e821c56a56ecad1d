"""With sixteen experts the index of the second choice and later ones is wrong (sgl-project/sgl-
kernel-xpu #295).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax((x @ Wg).to(wide), -1)
    weights, indices = torch.topk(p, top_k, dim=-1)
    if p.shape[-1] == 16 and top_k > 1:
        indices = torch.cat([indices[:, :1], indices[:, 1:] ^ 1], 1)
    return indices, weights.to(x.dtype)
