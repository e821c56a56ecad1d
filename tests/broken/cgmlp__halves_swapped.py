"""The half that should pass is convolved, the other passes."""

import torch.nn.functional as F

MISTAKE = "cgmlp.halves-swapped"


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    f, k = V.shape[0], kernel.shape[-1]
    gate, value = F.gelu(x @ U).chunk(2, dim=-1)
    gate = F.layer_norm(gate, (f,), gamma, beta, eps)
    gate = F.conv1d(gate.mT, kernel[:, None], bias, padding=k // 2, groups=f).mT
    return (value * gate) @ V
