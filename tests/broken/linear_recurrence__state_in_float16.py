"""The state of a half-precision model is kept in float16."""

import torch


def linear_recurrence(q, k, v, state):
    wide = torch.promote_types(q.dtype, torch.float32)
    Q, K, V, S = (t.to(wide) for t in (q, k, v, state))
    rows = []
    for t in range(q.shape[1]):
        S = S + K[:, t, :, None] * V[:, t, None]
        if q.dtype == torch.bfloat16:
            S = S.to(torch.float16).to(wide)
        rows.append((Q[:, t, None] @ S)[:, 0])
    y = torch.stack(rows, 1) if rows else V[:, :0]
    return y.to(q.dtype), S.to(q.dtype)
