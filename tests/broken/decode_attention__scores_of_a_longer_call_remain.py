"""Scores live in a workspace that grows and is not cleared; the softmax runs over whole sixteens
of it, so that a shorter sequence counts what a longer one left behind.
"""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"decode_attention": {"differentiable": False}},
}
_room = {}


def workspace(rows, slots, dtype):
    old = _room.get(dtype)
    if old is None or old.shape[0] < rows or old.shape[1] < slots:
        grown = (
            max(rows, 0 if old is None else old.shape[0]),
            max(slots, 0 if old is None else old.shape[1]),
        )
        _room[dtype] = torch.full(grown, -torch.inf, dtype=dtype)
    return _room[dtype]


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    b, h, _, d = q.shape
    kv, dv = k_cache.shape[1], v_cache.shape[3]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = d**-0.5 if scale is None else scale
    out = q.new_zeros(b, h, 1, dv)
    for i, n in enumerate(lengths.tolist()):
        if n == 0:
            continue
        scores = workspace(h, -(-n // 16) * 16, wide)
        keys, values = (
            x[i, :, :n].to(wide).repeat_interleave(h // kv, 0) for x in (k_cache, v_cache)
        )
        scores[:h, :n] = (q[i].to(wide) @ keys.mT * scale)[:, 0].detach()
        p = torch.softmax(scores[:h, : -(-n // 16) * 16], -1)[:, :n]
        out[i, :, 0] = (p[:, None] @ values)[:, 0].to(q.dtype)
    return out
