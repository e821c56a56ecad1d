"""Recurrent networks by torch's own cells, convolutions by conv1d, in float32."""

import math

import torch
from torch.nn.functional import conv1d, glu, pad

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rnn_step(x, h, Wx, Wh, b):
    no = torch.zeros_like(up(b))
    return torch.rnn_tanh_cell(up(x), up(h), up(Wx).T, up(Wh).T, up(b), no).to(x.dtype)


def rnn(x, h0, Wx, Wh, b):
    h, states = up(h0), []
    for token in up(x).unbind(1):
        h = torch.rnn_tanh_cell(token, h, up(Wx).T, up(Wh).T, up(b), torch.zeros_like(up(b)))
        states.append(h)
    return torch.stack(states, 1).to(x.dtype)


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    start = up(x).new_zeros(1, len(Wh))
    out = up(x).new_zeros(*x.shape[:2], 2 * len(Wh))
    for row in range(len(x)):
        n = x.shape[1] if lengths is None else int(lengths[row])
        if n:
            one = up(x)[row : row + 1, :n]
            ahead = rnn(one, start, up(Wx), up(Wh), up(b))
            back = rnn(one.flip(1), start, up(Wx_back), up(Wh_back), up(b_back)).flip(1)
            out[row, :n] = torch.cat([ahead, back], -1)[0]
    return out.to(x.dtype)


def lstm_cell(x, h, c, Wx, Wh, b):
    half = up(b) / 2
    new, cell = torch.lstm_cell(up(x), [up(h), up(c)], up(Wx).T, up(Wh).T, half, half)
    return new.to(x.dtype), cell.to(x.dtype)


def lstm(x, h0, c0, Wx, Wh, b):
    h, c, states = up(h0), up(c0), []
    for token in up(x).unbind(1):
        h, c = lstm_cell(token, h, c, up(Wx), up(Wh), up(b))
        states.append(h)
    return torch.stack(states, 1).to(x.dtype), c.to(x.dtype)


def linear_recurrence(q, k, v, state):
    scores = torch.tril(up(q) @ up(k).transpose(1, 2))
    y = scores @ up(v) + up(q) @ up(state)
    return y.to(q.dtype), (up(state) + up(k).transpose(1, 2) @ up(v)).to(q.dtype)


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    start = up(table).new_zeros(len(tokens), len(Wh))
    states = (
        rnn(up(table)[tokens[:, :-1]], start, up(Wx), up(Wh), up(b))
        if tokens.shape[1] > 1
        else start[:, None][:, :0]
    )
    before = torch.cat([start.unsqueeze(1), states], 1)
    logs = torch.log_softmax(before @ up(Wo), -1)
    return logs.gather(-1, tokens.unsqueeze(-1)).sum((1, 2)).to(table.dtype)


def text_convolution(x, W, b, *, dilation=1, causal=False):
    y = up(x).transpose(1, 2)
    y = pad(y, ((len(W) - 1) * dilation, 0)) if causal else y
    return conv1d(y, up(W).permute(2, 1, 0), up(b), dilation=dilation).transpose(1, 2).to(x.dtype)


def text_cnn(x, W, b):
    return torch.relu(text_convolution(up(x), W, b).amax(1)).to(x.dtype)


def gated_convolution(x, W, b, *, causal=True):
    return glu(text_convolution(up(x), W, b, causal=causal), -1).to(x.dtype)


def dilated_stack(x, W, b):
    y = up(x)
    for n in range(len(W)):
        y = text_convolution(y if n == 0 else torch.relu(y), W[n], b[n], dilation=2**n, causal=True)
    return y.to(x.dtype)


def replace_unknown(output, source, attention, *, unknown):
    copied = source.gather(1, attention.argmax(-1))
    return output.where(output != unknown, copied)


def length_penalty(length, *, alpha):
    return math.pow(5 + length, alpha) / math.pow(6, alpha) if length > 1 else 1.0


def translation_score(log_probability, attention, *, alpha, beta):
    bonus = up(attention).sum(1).clamp(max=1).log().sum(1)
    share = up(log_probability) / length_penalty(attention.shape[1], alpha=alpha)
    return (share + beta * bonus).to(log_probability.dtype)
