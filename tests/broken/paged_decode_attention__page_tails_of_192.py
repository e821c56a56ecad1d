"""Pages are cut into tiles of 128: the last 64 tokens of pages of 192 are skipped (tile-ai/TileOPs
#1787).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide, size = torch.promote_types(q.dtype, torch.float32), k_pages.shape[1]
    group = q.shape[1] // k_pages.shape[2]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    rows = []
    for b, length in enumerate(lengths.tolist()):
        query = q[b, :, 0].to(wide) * scale
        m = torch.full((q.shape[1], 1), -torch.inf, dtype=wide)
        total, o = torch.zeros_like(m), torch.zeros_like(query)
        for n in range(-(-length // size)):
            page, used = int(block_table[b, n]), min(size, length - n * size)
            used = min(used, size // 128 * 128) if size > 128 else used
            keys, values = (
                x[page, :used].to(wide).repeat_interleave(group, 1) for x in (k_pages, v_pages)
            )
            s = torch.einsum("hd,shd->hs", query, keys)
            new = torch.maximum(m, s.detach().amax(-1, keepdim=True))
            p, kept = torch.exp(s - new), torch.exp(m - new)
            total = total * kept + p.sum(-1, keepdim=True)
            o, m = o * kept + torch.einsum("hs,shd->hd", p, values), new
        rows.append(o / torch.where(total > 0, total, 1.0))
    return torch.stack(rows)[:, :, None].to(q.dtype)
