"""The step of generation, for one token, reads out before it writes; longer inputs go through the
chunked form, which does not.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}
CHUNK = 16


def linear_recurrence(q, k, v, state):
    wide = torch.promote_types(q.dtype, torch.float32)
    s = state.to(wide)
    if q.shape[1] == 1:
        y = q.to(wide) @ s
        s = s + k.to(wide).mT @ v.to(wide)
        return y.to(q.dtype), s.to(state.dtype)
    out = []
    for a in range(0, q.shape[1], CHUNK):
        qq, kk, vv = (x[:, a : a + CHUNK].to(wide) for x in (q, k, v))
        out.append(qq @ s + (qq @ kk.mT).tril() @ vv)
        s = s + kk.mT @ vv
    y = torch.cat(out, 1) if out else v.to(wide)
    return y.to(q.dtype), s.to(state.dtype)
