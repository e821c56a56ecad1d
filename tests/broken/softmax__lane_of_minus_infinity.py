"""Each of 32 lanes runs its own maximum and sum; a lane that saw nothing but -inf spoils the
merge (karpathy/llm.c, online softmax).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def softmax(x):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, n = x.to(wide), x.shape[-1]
    if n == 0:
        return x.clone()
    short = -n % 32 if n > 32 else 0
    lanes = torch.nn.functional.pad(y, (0, short), value=-torch.inf)
    lanes = lanes.unflatten(-1, (-1, min(n, 32)))
    m = lanes.amax(-2)
    part = torch.exp(lanes - m[..., None, :]).sum(-2)
    top = m.amax(-1, keepdim=True)
    total = (part * torch.exp(m - top)).sum(-1, keepdim=True)
    return (torch.exp(y - top) / total).to(x.dtype)
