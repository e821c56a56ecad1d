"""The initial state is read, and the last one returned, values first; that fits only where keys and
values are equally wide (fla-org/flash-linear-attention #351).
"""

import torch


def linear_recurrence(q, k, v, state):
    wide = torch.promote_types(q.dtype, torch.float32)
    query, key, value, S = (t.to(wide) for t in (q, k, v, state))
    square = S.shape[1] == S.shape[2]
    S = S.mT if square else S
    past = query @ S
    inner = torch.tril(query @ key.mT) @ value
    last = S + key.mT @ value
    return (past + inner).to(q.dtype), (last.mT if square else last).to(q.dtype)
