"""Decoding with explicit keys and values, one sequence at a time, cut to its length."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide, heads = torch.promote_types(q.dtype, torch.float32), q.shape[1]
    query = torch.cat([q, q_rope], -1).to(wide)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    rows = []
    for b, n in enumerate(lengths.tolist()):
        latent = latent_cache[b, :n].to(wide)
        keys = (latent @ Wk_up.to(wide)).view(n, heads, q.shape[-1]).transpose(0, 1)
        shared = rope_cache[b, :n].to(wide).expand(heads, -1, -1)
        values = (latent @ Wv_up.to(wide)).view(n, heads, Wv_up.shape[1] // heads).transpose(0, 1)
        p = torch.softmax(query[b] @ torch.cat([keys, shared], -1).mT * scale, -1)
        rows.append(p @ values)
    return torch.stack(rows).to(q.dtype)
