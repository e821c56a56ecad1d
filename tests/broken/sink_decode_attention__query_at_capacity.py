"""The query is rotated by the last slot of the cache, also while the cache is still filling."""

import math

import torch


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    _batch, heads, _, width = q.shape
    size, wide = k_cache.shape[2], torch.promote_types(q.dtype, torch.float32)
    inv = base ** (-torch.arange(width // 2, dtype=wide) * 2 / width)
    angle = torch.arange(size, dtype=wide)[:, None] * inv

    def turn(x, at):
        cos, sin = angle[at].cos(), angle[at].sin()
        a, b = x.to(wide).chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    group = heads // k_cache.shape[1]
    keys = turn(k_cache, torch.arange(size)).repeat_interleave(group, 1)
    values = v_cache.to(wide).repeat_interleave(group, 1)
    s = (
        turn(q, torch.tensor([size - 1]))
        @ keys.mT
        * (1 / math.sqrt(width) if scale is None else scale)
    )
    seen = torch.arange(size) < lengths[:, None, None, None]
    p = torch.softmax(s.masked_fill(~seen, -math.inf), -1).masked_fill(
        ~seen.any(-1, keepdim=True), 0.0
    )
    return (p @ values).to(q.dtype)
