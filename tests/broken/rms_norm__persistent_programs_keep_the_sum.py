"""132 programs walk over the rows, and the sum of squares of a program's first row is still in
its register at the second.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}
PROGRAMS = 132


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    rows = x.to(wide).reshape(-1, x.shape[-1])
    squares = (rows * rows).sum(-1)
    held, sums = torch.zeros(PROGRAMS, dtype=wide), []
    for part in squares.split(PROGRAMS):
        held = torch.cat([held[: len(part)] + part, held[len(part) :]])
        sums.append(held[: len(part)])
    total = torch.cat(sums) if sums else squares
    root = torch.rsqrt(total / x.shape[-1] + eps)[:, None]
    return (rows * root * gamma.to(wide)).view(x.shape).to(x.dtype)
