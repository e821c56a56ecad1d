"""By way of nested tensors the result is as long as the longest sequence, not as the input
(pytorch #86120, the fast path).
"""

import torch
import torch.nn.functional as F


def norm(y, g, b):
    return F.layer_norm(y, y.shape[-1:], g, b, 1e-5)


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    longest = max(int(lengths.max()), 1) if len(lengths) else x.shape[1]
    y, attn, W1, W2, gamma, beta = (t.to(wide) for t in (x, attn, W1, W2, gamma, beta))
    y = y[:, :longest]
    seen = (torch.arange(longest) < lengths[:, None])[:, None, None]

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    for n in range(len(attn)):
        q, k, v = (split(y @ attn[n, i]) for i in range(3))
        s = q @ k.mT / q.shape[-1] ** 0.5
        p = torch.softmax(s.masked_fill(~seen, -torch.inf), -1).nan_to_num()
        y = norm(y + (p @ v).transpose(1, 2).flatten(2) @ attn[n, 3], gamma[n, 0], beta[n, 0])
        y = norm(y + F.gelu(y @ W1[n]) @ W2[n], gamma[n, 1], beta[n, 1])
    return y.to(x.dtype)
