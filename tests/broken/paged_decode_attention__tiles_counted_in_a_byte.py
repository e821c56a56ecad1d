"""The size of a chunk is the next power of two of the tiles of 32 slots, in eight bits: beyond 4096
slots it is zero, and what follows is not read (tenstorrent/tt-metal #22096).
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
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = torch.zeros(*q.shape[:3], v_pages.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        tiles = -(-length // 32)
        chunk = (1 << (tiles - 1).bit_length()) & 255
        used = length if chunk else 4096
        k, v = rows(k_pages, block_table[n], used), rows(v_pages, block_table[n], used)
        out[n, :, 0] = attend(q[n, :, 0], k, v, scale)
    return out
