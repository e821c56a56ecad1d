"""A bfloat16 text is convolved in float16."""

import torch


def text_cnn(x, W, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(torch.float16).to(wide) if x.dtype == torch.bfloat16 else x.to(wide)
    K = W.shape[0]
    n = x.shape[1] - K + 1
    if n < 1:
        raise ValueError("text shorter than the filter")
    y = sum(h[:, j : j + n] @ W[j].to(wide) for j in range(K)) + b.to(wide)
    return torch.relu(y).amax(1).to(x.dtype)
