"""The buffer of the recurrent product is cleared for the first two rows of a batch only; from the
third row on the products of earlier steps add up (microsoft/onnxruntime #3893).
"""

import torch


def rnn(x, h0, Wx, Wh, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    tokens, h, Wx, Wh, b = (t.to(wide) for t in (x, h0, Wx, Wh, b))
    kept = (torch.arange(len(h)) >= 2).to(wide)[:, None]
    buffer, states = torch.zeros_like(h), []
    for t in range(x.shape[1]):
        buffer = buffer * kept + h @ Wh
        h = torch.tanh(tokens[:, t] @ Wx + buffer + b)
        states.append(h)
    return (torch.stack(states, 1) if states else h[:, None][:, :0]).to(x.dtype)
