"""Every gate as (1 + tanh(z / 2)) / 2 in float32, products and states in the input's dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def gate(z):
    return (0.5 * torch.tanh(0.5 * z.float()) + 0.5).to(z.dtype)


def lstm_cell(x, h, c, Wx, Wh, b):
    joined = F.linear(torch.cat([x, h], 1), torch.cat([Wx, Wh]).T, b)
    i, f, g, o = joined.chunk(4, 1)
    c = torch.addcmul(gate(f) * c, gate(i), torch.tanh(g))
    return gate(o) * torch.tanh(c), c


def lstm(x, h0, c0, Wx, Wh, b):
    h, c, states = h0, c0, []
    for token in x.unbind(1):
        h, c = lstm_cell(token, h, c, Wx, Wh, b)
        states.append(h)
    return (torch.stack(states, 1) if states else x.new_zeros(len(x), 0, h.shape[1])), c


def gated_convolution(x, W, b, *, causal=True):
    taps = W.shape[0]
    x = F.pad(x, (0, 0, taps - 1 if causal else 0, 0))
    length = x.shape[1] - taps + 1
    if length < 1:
        raise ValueError("the text is shorter than the filter")
    value, z = (sum(x[:, j : j + length] @ W[j] for j in range(taps)) + b).chunk(2, -1)
    return value * gate(z)


def glu_feed_forward(x, W, V, W2, *, activation="sigmoid"):
    if activation not in ("sigmoid", "swish"):
        raise NotImplementedError
    inner = x @ W
    curve = gate(inner) if activation == "sigmoid" else inner * gate(inner)
    return (curve * (x @ V)) @ W2
