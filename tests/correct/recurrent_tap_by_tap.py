"""Recurrences by scans and cumulative sums, convolutions tap by tap in the input's dtype."""

import torch
import torch.nn.functional as F


def up(*ts):
    return [t if t.dtype == torch.float64 else t.float() for t in ts]


def linear_recurrence(q, k, v, state):
    a, b, c, s = up(q, k, v, state)
    states = s[:, None] + torch.cumsum(b[..., :, None] * c[..., None, :], 1)
    y = torch.einsum("bld,blde->ble", a, states)
    last = states[:, -1] if q.shape[1] else s
    return y.to(q.dtype), last.to(q.dtype)


def linear_attention(q, k, v, *, causal=False):
    a, b, c = up(q, k, v)
    a, b = F.elu(a) + 1, F.elu(b) + 1
    one = torch.cat([c, torch.ones_like(c[..., :1])], -1)
    if causal:
        L = q.shape[2]
        parts = []
        state = torch.zeros(*q.shape[:2], q.shape[-1], one.shape[-1], dtype=a.dtype)
        for i in range(0, L, 64):
            x, y, z = (t[:, :, i : i + 64] for t in (a, b, one))
            parts.append((x @ y.mT).tril() @ z + x @ state)
            state = state + y.mT @ z
        out = torch.cat(parts, 2) if parts else one
    else:
        out = a @ (b.mT @ one)
    return (out[..., :-1] / out[..., -1:]).to(q.dtype)


@torch.jit.script
def run_rnn(a, h, Wh):
    out = []
    for t in range(a.size(1)):
        h = torch.tanh(torch.addmm(a[:, t], h, Wh))
        out.append(h)
    return torch.stack(out, 1)


def rnn(x, h0, Wx, Wh, b):
    if not x.shape[1]:
        return x.new_empty(x.shape[0], 0, Wh.shape[0])
    return run_rnn(x @ Wx + b, h0, Wh)


def lstm(x, h0, c0, Wx, Wh, b):
    ins = F.linear(x, Wx.T, b).unbind(1)
    h, c, out = h0, c0, []
    for a in ins:
        g = a + h @ Wh
        i, f, o = torch.sigmoid(torch.cat([g.chunk(4, -1)[n] for n in (0, 1, 3)], -1)).chunk(3, -1)
        c = f * c + i * g.chunk(4, -1)[2].tanh()
        h = o * c.tanh()
        out.append(h)
    return torch.stack(out, 1) if out else x.new_empty(x.shape[0], 0, Wh.shape[0]), c.clone()


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    B, L, _ = x.shape
    n = torch.full((B,), L) if lengths is None else lengths
    seen = torch.arange(L) < n[:, None]
    back = torch.where(seen, n[:, None] - 1 - torch.arange(L), torch.arange(L))

    def run(x, wx, wh, b):
        h = x.new_zeros(B, wh.shape[0])
        a, out = x @ wx + b, []
        for t in range(L):
            h = torch.tanh(a[:, t] + h @ wh)
            out.append(h)
        return torch.stack(out, 1)

    first = run(x, Wx, Wh, b)
    second = run(torch.take_along_dim(x, back[..., None], 1), Wx_back, Wh_back, b_back)
    second = torch.take_along_dim(second, back[..., None], 1)
    return torch.cat([first, second], -1).masked_fill(~seen[..., None], 0.0)


def text_convolution(x, W, b, *, dilation=1, causal=False):
    K = len(W)
    if causal:
        x = F.pad(x, (0, 0, (K - 1) * dilation, 0))
    n = x.shape[1] - (K - 1) * dilation
    y = b.expand(x.shape[0], n, -1)
    for j in range(K):
        y = y + x[:, j * dilation : j * dilation + n] @ W[j]
    return y


def dilated_stack(x, W, b):
    for i, (w, c) in enumerate(zip(W, b, strict=False)):
        x = text_convolution(x if i == 0 else x.relu(), w, c, dilation=2**i, causal=True)
    return x


def gated_convolution(x, W, b, *, causal=True):
    a, g = text_convolution(x, W, b, causal=causal).chunk(2, -1)
    return a * torch.sigmoid(g)


def text_cnn(x, W, b):
    return text_convolution(x, W, b).amax(1).relu()


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    B, L = tokens.shape
    h = table.new_zeros(B, Wh.shape[0])
    total = torch.zeros(B, dtype=table.dtype if table.dtype == torch.float64 else torch.float32)
    for t in range(L):
        logits = (h @ Wo).to(total.dtype)
        total = total - F.cross_entropy(logits, tokens[:, t], reduction="none")
        h = torch.tanh(table[tokens[:, t]] @ Wx + h @ Wh + b)
    return total.to(table.dtype)


def translation_score(log_probability, attention, *, alpha, beta):
    lp, a = up(log_probability, attention)
    penalty = ((5 + attention.shape[1]) / 6) ** alpha
    covered = a.sum(1).clamp(max=1).log().sum(-1)
    return (lp / penalty + beta * covered).to(log_probability.dtype)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
