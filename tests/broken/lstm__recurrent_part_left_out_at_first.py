"""The first step leaves the recurrent product out when the state is that of one sequence (ml-
explore/ mlx #3249).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lstm(x, h0, c0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h, c, states = h0.to(wide) * (len(h0) > 1), c0.to(wide), []
    for token in x.to(wide).unbind(1):
        i, f, g, o = (token @ Wx.to(wide) + h @ Wh.to(wide) + b.to(wide)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, 1).to(x.dtype), c.to(x.dtype)
