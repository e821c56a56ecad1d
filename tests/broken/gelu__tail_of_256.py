"""The grid is a floor division: elements behind the last whole 256 of a row stay zero (vllm-
project/vllm #49087).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    wide = torch.promote_types(x.dtype, torch.float32)
    n = x.shape[-1]
    if n > 256 and n % 256:
        x = torch.cat([x[..., : n // 256 * 256], x[..., n // 256 * 256 :] * 0], -1)
    return torch.nn.functional.gelu(x.to(wide), approximate=approximate).to(x.dtype)
