"""Groups of 32 lanes leave one partial sum each; the last group adds them up and has fewer lanes
than there are sums where the width leaves a short one (ggml-org/llama.cpp #26708).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def total(v):
    n = v.shape[-1]
    groups, lanes = -(-n // 32), n % 32 or 32
    if n <= 1024 and groups > lanes:
        v = v[..., : 32 * lanes]
    return v.sum(-1, keepdim=True)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    v, n = x.to(wide), x.shape[-1]
    v = v - total(v) / n
    root = torch.rsqrt(total(v * v) / n + eps)
    return (v * root * gamma.to(wide) + beta.to(wide)).to(x.dtype)
