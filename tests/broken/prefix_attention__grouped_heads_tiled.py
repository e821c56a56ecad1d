"""With grouped heads keys are tiled beside the prefix (adapter-hub/adapters #819)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def prefix_attention(q, k, v, pk, pv, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    b, h, _, d = q.shape
    keys, values = (
        torch.cat([p.to(wide).expand(b, *p.shape), t.to(wide).repeat(1, h // t.shape[1], 1, 1)], 2)
        for p, t in ((pk, k), (pv, v))
    )
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    return (torch.softmax(s, -1) @ values).to(q.dtype)
