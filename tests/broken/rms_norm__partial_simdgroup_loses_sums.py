"""Groups of 32 lanes leave one partial sum each; the last group adds them up and has fewer lanes
than there are sums where the width leaves a short one (ggml-org/llama.cpp #26708).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    v, n = x.to(wide), x.shape[-1]
    squares = v * v
    groups, lanes = -(-n // 32), n % 32 or 32
    if n <= 1024 and groups > lanes:
        squares = squares[..., : 32 * lanes]
    root = torch.rsqrt(squares.sum(-1, keepdim=True) / n + eps)
    return (v * root * gamma.to(wide)).to(x.dtype)
