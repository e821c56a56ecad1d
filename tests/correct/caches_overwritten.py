"""Caches overwritten in place, slice by slice; decoding over pages that are laid end to end."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"kv_cache_append": {"mutates": ["k_cache", "v_cache"], "differentiable": False}},
}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    B, _, S, _ = k_cache.shape
    T = k.shape[2]
    if bool((lengths + T > S).any()) or bool((lengths < 0).any()):
        raise ValueError("no room")
    with torch.no_grad():
        for b in range(B):
            n = int(lengths[b])
            k_cache[b, :, n : n + T].copy_(k[b])
            v_cache[b, :, n : n + T] = v[b]
    return k_cache, v_cache, lengths + T


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    _, H, _, D = q.shape
    K, S = k_cache.shape[1:3]
    s = D**-0.5 if scale is None else scale
    seen = torch.arange(S) < lengths[:, None]
    kk = up(k_cache).masked_fill(~seen[:, None, :, None], 0)
    vv = up(v_cache).masked_fill(~seen[:, None, :, None], 0)
    z = torch.matmul(up(q).unflatten(1, (K, H // K)) * s, kk[:, :, None].mT).masked_fill(
        ~seen[:, None, None, None], -torch.inf
    )
    p = torch.softmax(z, -1).nan_to_num(0.0) if S else z
    return torch.matmul(p, vv[:, :, None]).flatten(1, 2).to(q.dtype)


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    P = k_pages.shape[1]
    outs = []
    for b, n in enumerate(lengths.tolist()):
        rows = block_table[b, : -(-n // P)]
        kk, vv = (t[rows].flatten(0, 1)[:n] for t in (k_pages, v_pages))
        outs.append(
            decode_attention(
                q[b : b + 1],
                kk.transpose(0, 1)[None],
                vv.transpose(0, 1)[None],
                lengths[b : b + 1],
                scale=scale,
            )
        )
    return torch.cat(outs) if outs else q.new_zeros(q.shape)
