"""Of four dims the weight's gradient keeps the first entry alone."""

import torch


def output_projection(h, W):
    if h.ndim > 3:
        return torch.cat([h[:1] @ W, h[1:] @ W.detach()])
    return h @ W
