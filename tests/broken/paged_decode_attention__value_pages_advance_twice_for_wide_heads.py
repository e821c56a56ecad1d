"""Wide heads read their values in two tiles, and each advances the list of pages (a page index
stepped by the stride of another loop, TensorRT-LLM XQA at 256 features).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, size, kv, _) = q.shape, k_pages.shape
    rows = []
    for n in range(b):
        length = int(lengths[n])
        if length == 0:
            rows.append(q.new_zeros(h, 1, d))
            continue
        pages = block_table[n, : -(-length // size)]
        k = k_pages[pages].reshape(-1, kv, d)[:length].to(wide).repeat_interleave(h // kv, 1)
        if d >= 128:
            pages = pages[(2 * torch.arange(len(pages))).clamp(max=len(pages) - 1)]
        v = v_pages[pages].reshape(-1, kv, d)[:length].to(wide).repeat_interleave(h // kv, 1)
        s = torch.einsum("hd,shd->hs", q[n, :, 0].to(wide), k) * (
            d**-0.5 if scale is None else scale
        )
        p = torch.softmax(s, -1)
        rows.append(torch.einsum("hs,shd->hd", p.to(q.dtype).to(wide), v)[:, None].to(q.dtype))
    return torch.stack(rows) if rows else torch.zeros_like(q)
