"""Tokens are grouped by expert for the products and never put back in their order."""

import torch

MISTAKE = "moe_layer.outputs-unsorted"
CONFORM = {"operators": {"moe_layer": {"fixed": {"capacity_factor": None, "top_k": 1}}}}


def moe_layer(x, Wg, W1, W2):
    p, chosen = torch.softmax((x @ Wg).float(), -1).max(-1)
    order = chosen.argsort(stable=True)
    rows = []
    for token in order.tolist():
        expert = chosen[token]
        y = torch.relu(x[token] @ W1[expert]) @ W2[expert]
        rows.append(y * p[token].to(x.dtype))
    return torch.stack(rows)
