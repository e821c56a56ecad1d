"""Packed sequences as nested tensors, padded, attended to at once, and packed again."""

import torch


def pad(x, offsets):
    parts = list(x.tensor_split(offsets[1:-1].tolist()))
    nested = (
        torch.nested.nested_tensor([p.contiguous() for p in parts])
        if not x.requires_grad
        else torch.nested.as_nested_tensor(parts)
    )
    return torch.nested.to_padded_tensor(nested, 0.0).transpose(1, 2), offsets.diff()


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    if not len(q):
        return q.new_zeros(0, q.shape[1], v.shape[-1])
    a, n = pad(q, cu_q)
    b, m = pad(k, cu_k)
    c, _ = pad(v, cu_k)
    b, c = (t.repeat_interleave(q.shape[1] // k.shape[1], 1) for t in (b, c))
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    i = torch.arange(a.shape[2])[:, None] + (m - n)[:, None, None]
    j = torch.arange(b.shape[2])
    seen = (j < m[:, None, None]).expand(-1, a.shape[2], -1)
    if causal:
        seen = seen & (j <= i)
    if window is not None:
        seen = seen & ((i - j).abs() < window)
    s = torch.einsum("bhid,bhjd->bhij", a.to(wide), b.to(wide)) * (
        q.shape[-1] ** -0.5 if scale is None else scale
    )
    seen = seen[:, None]
    s = s.masked_fill(~seen, -1e30)
    p = s.softmax(-1).masked_fill(~seen, 0.0) if s.shape[-1] else s
    o = (p @ c.to(wide)).transpose(1, 2).to(q.dtype)
    return torch.cat([t[:m] for t, m in zip(o, n.tolist(), strict=False)])


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
