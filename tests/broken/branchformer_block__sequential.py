"""The MLP reads what attention has added, as in the Conformer."""

import torch.nn.functional as F

MISTAKE = "branchformer_block.sequential"


def branchformer_block(x, attention, mlp, gamma_a, beta_a, gamma_m, beta_m, W, *, eps=1e-5):
    e = x.shape[-1]
    x = x + attention(F.layer_norm(x, (e,), gamma_a, beta_a, eps)) @ W[:e]
    return x + mlp(F.layer_norm(x, (e,), gamma_m, beta_m, eps)) @ W[e:]
