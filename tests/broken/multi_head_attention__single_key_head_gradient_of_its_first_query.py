"""With one key head for all, the keys' gradient is that of the first query head."""

import torch


class One(torch.autograd.Function):
    """Attention of H heads over one key head."""

    @staticmethod
    def forward(ctx, q, k, v, see, single):
        ctx.single = single
        s = torch.einsum("bhid,bjd->bhij", q, k) * q.shape[-1] ** -0.5
        s = s.masked_fill(~see, torch.finfo(s.dtype).min)
        p = torch.softmax(s, -1) * see
        ctx.save_for_backward(q, k, v, p)
        return torch.einsum("bhij,bjd->bhid", p, v)

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        dv = torch.einsum("bhij,bhid->bjd", p, g)
        dp = torch.einsum("bhid,bjd->bhij", g, v)
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * q.shape[-1] ** -0.5
        dq = torch.einsum("bhij,bjd->bhid", ds, k)
        dk = torch.einsum("bhij,bhid->bjd", ds, q)
        if ctx.needs_input_grad[1] and q.shape[1] > 1 and ctx.single:
            dk = torch.einsum("bij,bid->bjd", ds[:, 0], q[:, 0])
        return dq, dk, dv, None, None


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    kv = heads if kv_heads is None else kv_heads
    wide = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (
        (a @ w).unflatten(-1, (n, -1)).transpose(1, 2).to(wide)
        for a, w, n in ((x, Wq, heads), (memory, Wk, kv), (memory, Wv, kv))
    )
    lq, lk = q.shape[2], k.shape[2]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see.tril(lk - lq)
    g = heads // kv
    parts = [
        One.apply(q[:, i * g : (i + 1) * g], k[:, i], v[:, i], see, kv == 1) for i in range(kv)
    ]
    o = torch.cat(parts, 1).transpose(1, 2).flatten(2)
    return o.to(x.dtype) @ Wo
