"""A token alone in its bucket is hidden from itself and gives NaN."""

import torch


def shared_qk_attention(qk, v, buckets, *, causal=False):
    wide = torch.promote_types(qk.dtype, torch.float32)
    q = qk.to(wide)
    L = q.shape[2]
    n = torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    k = q / torch.where(n > 0, n, 1.0)
    seen = buckets[..., :, None] == buckets[..., None, :]
    if causal:
        seen = seen & torch.ones(L, L, dtype=torch.bool).tril()
    seen = seen & ~torch.eye(L, dtype=torch.bool)
    s = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~seen, float("-inf"))
    return (torch.softmax(s, -1) @ v.to(wide)).to(qk.dtype)
