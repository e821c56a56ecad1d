"""Nothing to multiply where the first state is zero, so its product is left out: and with it what
the first state, and on the first step the weights, learn.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32"]}


def lstm(x, h0, c0, Wx, Wh, b):
    h, c = h0, c0
    states = []
    for step in x.unbind(1):
        gates = step @ Wx + b
        if h.count_nonzero():
            gates = gates + h @ Wh
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    out = torch.stack(states, 1) if states else x.new_zeros(len(x), 0, h0.shape[1])
    return out, c
