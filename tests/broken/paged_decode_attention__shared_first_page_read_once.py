"""A common prefix is detected by the first and last sequence only."""

import math

import torch


def _wide(*tensors):
    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


def _softmax_zero(s, ok):
    """Softmax over the visible scores; zeros in rows without any, gradients included."""
    s = s.masked_fill(~ok, float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if s.shape[-1] else s.new_zeros(*s.shape[:-1], 1)
    top = torch.where(torch.isinf(top), 0.0, top)
    e = torch.exp(s - top)
    total = e.sum(-1, keepdim=True)
    return e / torch.where(total == 0, 1.0, total)


def _plain(q, k, v, ok, scale=None):
    w = _wide(q, k, v)
    g = q.shape[1] // k.shape[1]
    k, v = k.to(w).repeat_interleave(g, 1), v.to(w).repeat_interleave(g, 1)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    s = q.to(w) @ k.transpose(-1, -2) * scale
    return _softmax_zero(s, ok.expand(s.shape)) @ v


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    w = _wide(q, k_pages)
    B, b = q.shape[0], k_pages.shape[1]
    S = block_table.shape[1] * b
    j = torch.arange(S)
    row, page = j % b, block_table[:, j // b].long()
    if B > 2 and bool(block_table[0, 0] == block_table[-1, 0]):
        page = torch.cat([page[:1, :b].expand(B, -1), page[:, b:]], 1)
    filled = j < lengths[:, None]
    page = torch.where(filled, page, 0)
    if k_pages.shape[0] == 0:
        return torch.zeros_like(q)
    K = torch.where(filled[..., None, None], k_pages[page, row].to(w), 0.0).transpose(1, 2)
    V = torch.where(filled[..., None, None], v_pages[page, row].to(w), 0.0).transpose(1, 2)
    return _plain(q, K, V, filled[:, None, None], scale).to(q.dtype)
