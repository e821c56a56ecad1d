"""Recurrent networks and convolutions as eager code runs them, rounded at every step."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def product(a, b):
    wide = torch.promote_types(a.dtype, torch.float32)
    return (a.to(wide) @ b.to(wide)).to(a.dtype)


def rnn_step(x, h, Wx, Wh, b):
    return torch.tanh(product(x, Wx) + product(h, Wh) + b)


def rnn(x, h0, Wx, Wh, b):
    states = [h0]
    for token in x.unbind(1):
        states.append(rnn_step(token, states[-1], Wx, Wh, b))
    return torch.stack(states[1:], 1)


def lstm_cell(x, h, c, Wx, Wh, b):
    i, f, g, o = (product(x, Wx) + b + product(h, Wh)).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm(x, h0, c0, Wx, Wh, b):
    h, c, states = h0, c0, []
    for token in x.unbind(1):
        h, c = lstm_cell(token, h, c, Wx, Wh, b)
        states.append(h)
    return torch.stack(states, 1), c


def linear_recurrence(q, k, v, state):
    rows = []
    for t in range(q.shape[1]):
        state = state + k[:, t].unsqueeze(-1) * v[:, t].unsqueeze(1)
        rows.append(product(q[:, t].unsqueeze(1), state)[:, 0])
    return torch.stack(rows, 1), state


def text_convolution(x, W, b, *, dilation=1, causal=False):
    reach = (len(W) - 1) * dilation
    x = torch.nn.functional.pad(x, (0, 0, reach, 0)) if causal else x
    if x.shape[1] <= reach:
        raise ValueError(f"{x.shape[1]} tokens: fewer than the filter's {reach + 1}")
    taps = x.unfold(1, reach + 1, 1)[..., ::dilation]  # B L' E K
    return product(taps.flatten(2), W.transpose(0, 1).flatten(0, 1)) + b


def gated_convolution(x, W, b, *, causal=True):
    if W.shape[2] % 2:
        raise ValueError(f"{W.shape[2]} channels: expected an even number")
    value, gate = text_convolution(x, W, b, causal=causal).chunk(2, -1)
    return value * torch.sigmoid(gate)


def text_cnn(x, W, b):
    return torch.relu(text_convolution(x, W, b)).amax(1)
