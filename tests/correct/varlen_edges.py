"""Packed sequences as a list of edges: segment maxima, sums by index_add."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    t, h, d = q.shape
    s_, kv, dv = v.shape
    wide = torch.promote_types(q.dtype, torch.float32)
    cu_q, cu_k = cu_q.long(), cu_k.long()
    nq, nk = cu_q.diff(), cu_k.diff()
    seg_q = torch.repeat_interleave(torch.arange(nq.numel()), nq)
    seg_k = torch.repeat_interleave(torch.arange(nk.numel()), nk)
    pos_q = torch.arange(t) - cu_q[:-1][seg_q] + (nk - nq)[seg_q]
    pos_k = torch.arange(s_) - cu_k[:-1][seg_k]
    ok = seg_q[:, None] == seg_k[None]
    gap = pos_q[:, None] - pos_k[None]
    if causal:
        ok = ok & (gap >= 0)
    if window is not None:
        ok = ok & (gap.abs() < window)
    i, j = ok.nonzero(as_tuple=True)  # edges
    kk = k.to(wide).repeat_interleave(h // kv, 1)
    vv = v.to(wide).repeat_interleave(h // kv, 1)
    scale = d**-0.5 if scale is None else scale
    e = (q.to(wide)[i] * kk[j]).sum(-1) * scale  # edges, h
    top = torch.full((t, h), -torch.inf, dtype=wide).scatter_reduce(
        0, i[:, None].expand(-1, h), e.detach(), "amax"
    )
    p = (e - top[i]).exp()
    z = torch.zeros(t, h, dtype=wide).index_add(0, i, p)
    o = torch.zeros(t, h, dv, dtype=wide).index_add(0, i, p[..., None] * vv[j])
    return (o / torch.where(z == 0, 1.0, z)[..., None]).to(q.dtype)
