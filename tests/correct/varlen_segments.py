"""Packed attention in one dense product, told apart by segment ids; pages by flat slots."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _ids(cu, n):
    return torch.searchsorted(cu[1:].contiguous(), torch.arange(n), right=True)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (t, h, d), (s, kv, _) = q.shape, k.shape
    a, b = _ids(cu_q, t), _ids(cu_k, s)
    see = a[:, None] == b[None]
    lq, lk = (cu_q[1:] - cu_q[:-1])[a], (cu_k[1:] - cu_k[:-1])[a]
    i = torch.arange(t) - cu_q[:-1][a] + lk - lq
    j = torch.arange(s) - cu_k[:-1][b]
    far = i[:, None] - j[None]
    see = see & (far >= 0) if causal else see
    see = see if window is None else see & (far.abs() < window)
    grouped = q.to(wide).unflatten(1, (kv, h // kv))
    score = torch.einsum("tkgd,skd->kgts", grouped, k.to(wide)) * (
        d**-0.5 if scale is None else scale
    )
    score = score.masked_fill(~see, -torch.inf)
    p = torch.softmax(score, -1).nan_to_num(nan=0.0) if s else score
    p = torch.where(see, p, 0)
    return torch.einsum("kgts,skd->tkgd", p, v.to(wide)).flatten(1, 2).to(q.dtype)


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    pages, size, kv, _ = k_pages.shape
    (b, h, _, d), m = q.shape, block_table.shape[1]
    if ((lengths < 0) | (lengths > m * size)).any():
        raise ValueError("a length is out of range")
    token = torch.arange(m * size)
    live = token < lengths[:, None]
    page = block_table.long()[:, token // size] if m else block_table.long()
    if (live & ((page < 0) | (page >= pages))).any():
        raise ValueError("a page is out of range")
    slot = torch.where(live, page * size + token % size, 0)
    rows = live.nonzero(as_tuple=True)
    k = k_pages.new_zeros(b, m * size, kv, d)
    v = v_pages.new_zeros(b, m * size, kv, v_pages.shape[-1])
    k = k.index_put(rows, k_pages.flatten(0, 1)[slot[rows]])
    v = v.index_put(rows, v_pages.flatten(0, 1)[slot[rows]])
    wide = torch.promote_types(q.dtype, torch.float32)
    grouped = q[:, :, 0].to(wide).unflatten(1, (kv, h // kv))
    s = torch.einsum("bkgd,bskd->bkgs", grouped, k.to(wide)) * (d**-0.5 if scale is None else scale)
    s = s.masked_fill(~live[:, None, None], -1e30)
    e = torch.exp(s - s.amax(-1, keepdim=True)) * live[:, None, None] if m * size else s
    o = torch.einsum("bkgs,bskd->bkgd", e, v.to(wide)) / e.sum(-1, keepdim=True).clamp(min=1e-30)
    return o.flatten(1, 2)[:, :, None].to(q.dtype)
