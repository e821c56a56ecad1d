"""Recurrent operators with fused gates, unfolded windows and chunked scans."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def _cell(gates, c):
    i, f, g, o = gates.chunk(4, -1)
    c = torch.addcmul(torch.sigmoid(f) * c, torch.sigmoid(i), torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_cell(x, h, c, Wx, Wh, b):
    weights = torch.cat([up(Wx), up(Wh)])
    h, c = _cell(torch.addmm(up(b), torch.cat([up(x), up(h)], -1), weights), up(c))
    return h.to(x.dtype), c.to(x.dtype)


def lstm(x, h0, c0, Wx, Wh, b):
    ahead = up(x) @ up(Wx) + up(b)  # the input's part of all steps at once
    h, c, states = up(h0), up(c0), []
    for t in range(x.shape[1]):
        h, c = _cell(ahead[:, t] + h @ up(Wh), c)
        states.append(h)
    return torch.stack(states, 1).to(x.dtype), c.to(x.dtype)


def rnn_step(x, h, Wx, Wh, b):
    return torch.tanh(torch.addmm(torch.addmm(up(b), up(x), up(Wx)), up(h), up(Wh))).to(x.dtype)


def rnn(x, h0, Wx, Wh, b):
    h, out = up(h0), []
    for step in (up(x) @ up(Wx) + up(b)).unbind(1):
        h = torch.tanh(step + h @ up(Wh))
        out.append(h)
    return torch.stack(out, 1).to(x.dtype)


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    B, L, _ = x.shape
    H = Wh.shape[0]
    lengths = torch.full((B,), L) if lengths is None else lengths
    there, back = [], []
    for i in range(B):
        n = int(lengths[i])
        row = up(x)[i : i + 1, :n]
        zero = row.new_zeros(1, H)
        pad = (0, 0, 0, L - n)
        if n == 0:
            there.append(row.new_zeros(1, L, H))
            back.append(row.new_zeros(1, L, H))
            continue
        there.append(F.pad(rnn(row, zero, up(Wx), up(Wh), up(b)), pad))
        turned = rnn(row.flip(1), zero, up(Wx_back), up(Wh_back), up(b_back)).flip(1)
        back.append(F.pad(turned, pad))
    return torch.cat([torch.cat(there), torch.cat(back)], -1).to(x.dtype)


def linear_recurrence(q, k, v, state):
    """In chunks: what came before through the state, the rest through a masked product."""
    S, out = up(state), []
    for a in range(0, q.shape[1], 8):
        qc, kc, vc = (up(t)[:, a : a + 8] for t in (q, k, v))
        inside = (qc @ kc.mT).tril() @ vc
        out.append(qc @ S + inside)
        S = S + kc.mT @ vc
    y = torch.cat(out, 1) if out else v.new_zeros(v.shape)
    return y.to(q.dtype), S.to(state.dtype)


def text_convolution(x, W, b, *, dilation=1, causal=False):
    K = W.shape[0]
    reach = (K - 1) * dilation
    y = up(x)
    if causal:
        y = F.pad(y, (0, 0, reach, 0))
    if y.shape[1] <= reach:
        raise ValueError("text shorter than the filter")
    return F.conv1d(y.mT, up(W).permute(2, 1, 0), up(b), dilation=dilation).mT.to(x.dtype)


def text_cnn(x, W, b):
    K = W.shape[0]
    if x.shape[1] < K:
        raise ValueError("text shorter than the filter")
    windows = up(x).unfold(1, K, 1).movedim(-1, -2).flatten(-2)
    return (windows @ up(W).flatten(0, 1) + up(b)).amax(1).relu().to(x.dtype)


def gated_convolution(x, W, b, *, causal=True):
    if W.shape[2] % 2:
        raise ValueError("odd channels")
    return F.glu(text_convolution(up(x), up(W), up(b), causal=causal), -1).to(x.dtype)


def dilated_stack(x, W, b):
    y = up(x)
    for n in range(W.shape[0]):
        y = text_convolution(
            y if n == 0 else y.relu(), up(W[n]), up(b[n]), dilation=2**n, causal=True
        )
    return y.to(x.dtype)


def length_penalty(length, *, alpha):
    if length < 1:
        raise ValueError("length")
    return ((length + 5) / 6) ** alpha


def translation_score(log_probability, attention, *, alpha, beta):
    covered = up(attention).sum(1).clamp(max=1)
    cover = covered.log().sum(-1)
    penalty = length_penalty(attention.shape[1], alpha=alpha)
    return (up(log_probability) / penalty + beta * cover).to(log_probability.dtype)


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    x = up(table)[tokens]
    h = x.new_zeros(x.shape[0], Wh.shape[0])
    total = x.new_zeros(x.shape[0])
    for t in range(tokens.shape[1]):
        logits = h @ up(Wo)
        total = total - F.cross_entropy(logits, tokens[:, t], reduction="none")
        h = torch.tanh(x[:, t] @ up(Wx) + h @ up(Wh) + up(b))
    return total.to(table.dtype)


def replace_unknown(output, source, attention, *, unknown):
    best = up(attention).max(-1).indices
    return torch.where(output == unknown, torch.take_along_dim(source, best, 1), output)
