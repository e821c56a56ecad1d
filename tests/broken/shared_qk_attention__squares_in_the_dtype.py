"""The length of a key is summed up in the dtype, and overflows in half precision."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def shared_qk_attention(qk, v, buckets, *, causal=False):
    q, length = up(qk), qk.shape[-2]
    norm = up((qk * qk).sum(-1, keepdim=True)).sqrt()
    scores = q @ (q / norm).mT / q.shape[-1] ** 0.5
    seen = buckets[..., :, None] == buckets[..., None, :]
    if causal:
        seen = seen & torch.ones(length, length, dtype=torch.bool).tril()
    own = torch.eye(length, dtype=torch.bool)
    others = seen & ~own
    seen = others | (own & ~others.any(-1, keepdim=True))
    return (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ up(v)).to(v.dtype)


CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}
