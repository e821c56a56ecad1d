"""Rows are taken by fours; in the last, incomplete four the deviation is that of its first row."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    v = x.to(wide).reshape(-1, x.shape[-1])
    v = v - v.mean(-1, keepdim=True)
    root = torch.rsqrt((v * v).mean(-1, keepdim=True) + eps)
    n = v.shape[0]
    if n > 4 and n % 4:
        at = n // 4 * 4
        root = torch.cat([root[:at], root[at : at + 1].expand(n - at, 1)])
    return (v * root * gamma.to(wide) + beta.to(wide)).reshape(x.shape).to(x.dtype)
