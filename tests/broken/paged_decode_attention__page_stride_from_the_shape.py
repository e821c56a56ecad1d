"""The stride of a page is worked out from its shape; pages padded to a common size lie further
apart (vllm-project/vllm #49716).
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


def tight(pages):
    """As if pages followed one another, where only their stride says otherwise."""
    inner = pages[0].numel()
    if pages.shape[0] < 2 or pages.stride(0) <= inner or not pages[0].is_contiguous():
        return pages
    return pages.as_strided(pages.shape, (inner, *pages.stride()[1:]), pages.storage_offset())


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = torch.zeros(*q.shape[:3], v_pages.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        k = rows(k_pages, block_table[n], length)
        v = rows(tight(v_pages), block_table[n], length)
        out[n, :, 0] = attend(q[n, :, 0], k, v, scale)
    return out
