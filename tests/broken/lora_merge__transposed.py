"""The update is transposed where it happens to fit."""

import torch

MISTAKE = "lora_merge.update-transposed"


def lora_merge(W0, A, B, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b = (t.to(wide) for t in (W0, A, B))
    update = b @ a
    square = W.shape[0] == W.shape[1]
    return (W + alpha / A.shape[0] * (update.T if square else update)).to(W0.dtype)
