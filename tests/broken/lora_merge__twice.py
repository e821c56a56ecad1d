"""The update is merged on top of a weight that has it already."""

import torch

MISTAKE = "lora_merge.merged-twice"


def lora_merge(W0, A, B, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b = (t.to(wide) for t in (W0, A, B))
    update = alpha / A.shape[0] * (b @ a)
    return (W + update + update).to(W0.dtype)
