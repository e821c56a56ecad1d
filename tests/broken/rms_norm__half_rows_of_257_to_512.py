"""Half-precision rows of 257 to 512 features are normalised by two warps of which each takes its
own sum for the whole (ml-explore/mlx #3792).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    v, n = x.to(wide), x.shape[-1]
    square = v * v
    mean = square.mean(-1, keepdim=True)
    if x.element_size() == 2 and 256 < n <= 512:
        left = square[..., :256].sum(-1, keepdim=True).expand(*x.shape[:-1], 256)
        right = square[..., 256:].sum(-1, keepdim=True).expand(*x.shape[:-1], n - 256)
        mean = torch.cat([left, right], -1) / n
    return (v * torch.rsqrt(mean + eps) * gamma.to(wide)).to(x.dtype)
