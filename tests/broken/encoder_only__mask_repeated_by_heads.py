"""The mask is repeated head after head for scores that lie sequence after sequence (Open-
GroundingDino #115).
"""

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, attn, W1, W2, gamma, beta, heads):
        super().__init__()
        self.attn, self.W1, self.W2, self.gamma, self.beta = attn, W1, W2, gamma, beta
        self.heads = heads

    def attend(self, y, seen):
        B, L, _ = y.shape
        q, k, v = (
            (y @ self.attn[i]).view(B, L, self.heads, -1).transpose(1, 2).flatten(0, 1)
            for i in range(3)
        )
        s = torch.bmm(q, k.mT) / q.shape[-1] ** 0.5
        mask = seen[:, None].expand(B, L, L).repeat(self.heads, 1, 1)
        p = torch.softmax(s.masked_fill(~mask, -torch.inf), -1).nan_to_num()
        out = torch.bmm(p, v).view(B, self.heads, L, -1).transpose(1, 2).flatten(2)
        return out @ self.attn[3]

    def forward(self, y, seen):
        size = y.shape[-1:]
        y = F.layer_norm(y + self.attend(y, seen), size, self.gamma[0], self.beta[0])
        return F.layer_norm(y + F.gelu(y @ self.W1) @ self.W2, size, self.gamma[1], self.beta[1])


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    seen = torch.arange(x.shape[1]) < lengths[:, None]
    for weights in zip(*(t.to(wide) for t in (attn, W1, W2, gamma, beta)), strict=True):
        y = Layer(*weights, heads)(y, seen)
    return y.to(x.dtype)
