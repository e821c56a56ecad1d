"""All slots of the cache are read; those beyond the length are masked away."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(
    q, k, v, lengths, o, heads, group, capacity, scale, qs, ks, vs,
    D: tl.constexpr, BD: tl.constexpr, G: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """The `group` query heads of one key/value head."""
    pair = tl.program_id(0)
    kv_heads = heads // group
    b, kv = pair // kv_heads, pair % kv_heads
    g, d = tl.arange(0, G), tl.arange(0, BD)
    mine = (g < group)[:, None] & (d < D)[None, :]
    length = tl.load(lengths + b).to(tl.int32)
    queries = tl.load(
        q + b * qs[0] + (kv * group + g)[:, None] * qs[1] + d[None, :] * qs[3],
        mask=mine, other=0.0,
    )  # fmt: skip
    k += b * ks[0] + kv * ks[1]
    v += b * vs[0] + kv * vs[1]
    acc = tl.zeros([G, BD], tl.float32)
    total = tl.zeros([G], tl.float32)
    top = tl.full([G], -float("inf"), tl.float32)
    for start in range(0, capacity, N):
        j = start + tl.arange(0, N)
        inside = (j < capacity)[:, None] & (d < D)[None, :]
        keys = tl.load(k + j[:, None] * ks[2] + d[None, :] * ks[3], mask=inside, other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        s = tl.where((j < length)[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp(s - base[:, None])
        shrink = tl.exp(top - base)
        total = total * shrink + tl.sum(p, 1)
        values = tl.load(v + j[:, None] * vs[2] + d[None, :] * vs[3], mask=inside, other=0.0)
        values = tl.where((j < length)[:, None], values, 0.0).to(v.dtype.element_ty)
        acc = acc * shrink[:, None]
        acc = tl.dot(p.to(v.dtype.element_ty), values, acc, input_precision="ieee")
        top = new
    out = acc / tl.where(total > 0, total, 1.0)[:, None]
    tl.store(o + (b * heads + kv * group + g)[:, None] * D + d[None, :], out, mask=mine)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    (b, h, _, d), kv, capacity = q.shape, *k_cache.shape[1:3]
    o = torch.empty(b, h, 1, d, dtype=q.dtype)
    _kernel[(b * kv,)](
        q, k_cache, v_cache, lengths.contiguous(), o, h, h // kv, capacity,
        d**-0.5 if scale is None else scale, q.stride(), k_cache.stride(), v_cache.stride(),
        D=d, BD=max(16, triton.next_power_of_2(d)),
        G=max(16, triton.next_power_of_2(h // kv)), N=32,
    )  # fmt: skip
    return o
