"""The gradient ends after 32 steps, truncated as in language model training."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def rnn(x, h0, Wx, Wh, b):
    h, y, out = up(h0), up(x), []
    for t in range(x.shape[1]):
        if t and t % 32 == 0:
            h = h.detach()
        h = torch.tanh(y[:, t] @ up(Wx) + h @ up(Wh) + up(b))
        out.append(h)
    return (torch.stack(out, 1) if out else y.new_zeros(x.shape[0], 0, h.shape[1])).to(x.dtype)
