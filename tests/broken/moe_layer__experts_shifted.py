"""Expert weights are indexed from 1: expert i computes with the weights of i - 1."""

import torch

MISTAKE = "moe_layer.experts-shifted"
CONFORM = {"operators": {"moe_layer": {"fixed": {"capacity_factor": None}}}}


def moe_layer(x, Wg, W1, W2, *, top_k=1):
    p, chosen = torch.topk(torch.softmax((x @ Wg).float(), -1), top_k, dim=-1)
    hidden = torch.relu(torch.einsum("te,tkef->tkf", x, W1[chosen - 1]))
    y = torch.einsum("tkf,tkfe->tke", hidden, W2[chosen - 1])
    return (y * p.unsqueeze(-1).to(x.dtype)).sum(1)
