"""pytorch: without gradients a fast path takes over, which is not told of the causal mask."""

import torch


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    kv = heads if kv_heads is None else kv_heads
    work = torch.promote_types(x.dtype, torch.float32)
    x_, m, wq, wk, wv, wo = (t.to(work) for t in (x, memory, Wq, Wk, Wv, Wo))
    size = Wq.shape[1] // heads
    q = torch.einsum("ble,ehd->bhld", x_, wq.unflatten(1, (heads, size)))
    k = torch.einsum("ble,ehd->bhld", m, wk.unflatten(1, (kv, size)))
    v = torch.einsum("ble,ehd->bhld", m, wv.unflatten(1, (kv, -1)))
    k, v = k.repeat_interleave(heads // kv, 1), v.repeat_interleave(heads // kv, 1)
    s = q @ k.mT / size**0.5
    lq, lk = s.shape[-2:]
    if causal and (torch.is_grad_enabled() or kv != heads):
        ok = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq)
        s = s.masked_fill(~ok, -torch.inf)
        p = torch.where(ok.any(-1, keepdim=True), s.softmax(-1), torch.zeros_like(s))
    else:
        p = s.softmax(-1)
    return ((p @ v).transpose(1, 2).flatten(2) @ wo).to(x.dtype)
