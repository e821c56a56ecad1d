"""An explicit scale reaches the scores of the tokens; those of the prefix are scaled by
1/sqrt(D).
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}


def prefix_attention(q, k, v, pk, pv, *, scale=None):
    d, group = q.shape[3], q.shape[1] // k.shape[1]
    wide = torch.promote_types(q.dtype, torch.float32)
    qq, keys, values = q.to(wide), *(x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    own = qq @ keys.mT * (d**-0.5 if scale is None else scale)
    front = qq @ pk.to(wide).mT * d**-0.5
    p = torch.softmax(torch.cat([front, own], -1), -1)
    n = pk.shape[1]
    return (p[..., :n] @ pv.to(wide) + p[..., n:] @ values).to(q.dtype)
