"""Decoding in partitions, whose results are stored in the dtype of the queries and merged."""

import torch

UNDIFFERENTIATED = {"differentiable": False}
CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "decode_attention": UNDIFFERENTIATED,
        "paged_decode_attention": UNDIFFERENTIATED,
    },
}
PARTITION = 8


def _decode(q, k, v, filled, scale):
    """q[H,D], k, v[K,S,D], of which `filled` slots count."""
    if filled == 0:
        return torch.zeros_like(q)
    k, v = (t[:, :filled].repeat_interleave(len(q) // len(k), 0) for t in (k, v))
    tops, totals, outs = [], [], []
    for keys, values in zip(k.split(PARTITION, 1), v.split(PARTITION, 1), strict=True):
        scores = torch.einsum("hd,hsd->hs", q.float(), keys.float()) * scale
        tops.append(scores.amax(-1))
        e = torch.exp(scores - tops[-1][:, None])
        totals.append(e.sum(-1))
        out = torch.einsum("hs,hsd->hd", e.to(q.dtype).float(), values.float())
        outs.append((out / totals[-1][:, None]).to(q.dtype))
    top = torch.stack(tops)
    weights = torch.stack(totals) * torch.exp(top - top.amax(0))
    weights = weights / weights.sum(0)
    return (weights[..., None] * torch.stack(outs).float()).sum(0).to(q.dtype)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = torch.empty_like(q)
    for b, filled in enumerate(lengths.tolist()):
        out[b, :, 0] = _decode(q[b, :, 0], k_cache[b], v_cache[b], filled, scale)
    return out


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out, rows = torch.empty_like(q), k_pages.shape[1]
    for b, filled in enumerate(lengths.tolist()):
        pages = block_table[b, : -(-filled // rows)]
        k, v = (t[pages].flatten(0, 1).transpose(0, 1) for t in (k_pages, v_pages))
        out[b, :, 0] = _decode(q[b, :, 0], k, v, filled, scale)
    return out
