"""Locations of all sequences are listed one behind the other and not filled up to whole pages: the
second sequence's pages begin too early (sgl-project/sglang-jax #20).
"""

import torch


def rows(pages, table, length):
    """The first tokens of one sequence, [length, K, D]."""
    need = table[: -(-length // pages.shape[1])].long()
    return pages[need].flatten(0, 1)[:length]


def attend(q, k, v, scale):
    """q[H,D] over k, v[S,K,D] -> [H,Dv]."""
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[0] // k.shape[1]
    k, v = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    p = torch.softmax(torch.einsum("hd,shd->hs", q.to(wide), k) * scale, -1)
    return torch.einsum("hs,shd->hd", p, v).to(q.dtype)


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    size = k_pages.shape[1]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = torch.zeros(*q.shape[:3], v_pages.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        start = sum(lengths[:n].tolist()) // size
        whole = [p for m, t in enumerate(lengths.tolist()) for p in block_table[m, : -(-t // size)]]
        table = torch.stack(whole)[min(start, len(whole) - -(-length // size)) :]
        k, v = rows(k_pages, table, length), rows(v_pages, table, length)
        out[n, :, 0] = attend(q[n, :, 0], k, v, scale)
    return out
