"""The partial products of the tiles are added up in the operands' dtype."""

import torch

CONFORM = {"dtypes": ["bfloat16", "float16"]}


def tiled_matmul(a, b, *, tile):
    if a.shape[1] != b.shape[0] or tile < 1:
        raise ValueError("shapes do not fit or tile < 1")
    out = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for k in range(0, a.shape[1], tile):
        out = out + (a[:, k : k + tile].float() @ b[k : k + tile].float()).to(a.dtype)
    return out
