"""Results end with the longest row; what lies between it and the padded length is not cleared
(microsoft/onnxruntime #1193).
"""

import torch


def run(x, lengths, Wx, Wh, b, reverse):
    batch, length, _ = x.shape
    h = x.new_zeros(batch, Wh.shape[0])
    out = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        inside = (t < lengths)[:, None]
        h = torch.where(inside, torch.tanh(x[:, t] @ Wx + h @ Wh + b), h)
        out[t] = torch.where(inside, h, torch.zeros_like(h))
    return torch.stack(out, 1) if out else x.new_zeros(batch, 0, Wh.shape[0])


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    batch, length, _ = x.shape
    lengths = torch.full((batch,), length) if lengths is None else lengths
    inside = torch.arange(length) < lengths[:, None]
    tokens = x.to(wide).masked_fill(~inside[..., None], 0.0)
    ahead = run(tokens, lengths, *(w.to(wide) for w in (Wx, Wh, b)), False)
    back = run(tokens, lengths, *(w.to(wide) for w in (Wx_back, Wh_back, b_back)), True)
    out = torch.cat([ahead, back], -1).to(x.dtype)
    if batch and int(lengths.max()) < length:
        stale = torch.empty_like(out)
        unwritten = torch.arange(length)[:, None] >= lengths.max()
        out = torch.where(unwritten, stale, out)
    return out
