"""The keys are turned where they lie, so that the cache of unturned keys is overwritten: the next
step turns them again.
"""

import torch

CONFORM = {"dtypes": ["float32"], "operators": {"sink_decode_attention": {"differentiable": False}}}


def turned(x, positions, base):
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = positions.to(torch.float32)[:, None] * rate
    first, second = x[..., :half].clone(), x[..., half:]
    x[..., :half] = first * angle.cos() - second * angle.sin()
    x[..., half:] = second * angle.cos() + first * angle.sin()
    return x


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    b, h, _, d = q.shape
    scale = d**-0.5 if scale is None else scale
    out = q.new_zeros(b, h, 1, v_cache.shape[3])
    group = h // k_cache.shape[1]
    for i, n in enumerate(lengths.tolist()):
        if n == 0:
            continue
        query = turned(q[i].detach().clone(), torch.tensor([n - 1]), base)
        keys = turned(k_cache[i, :, :n].detach(), torch.arange(n), base).repeat_interleave(group, 0)
        values = v_cache[i, :, :n].detach().repeat_interleave(group, 0)
        out[i] = torch.softmax(query @ keys.mT * scale, -1) @ values
    return out
