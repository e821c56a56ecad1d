"""The list of rows of an expert has room for the ids of 512 tokens: later tokens get nothing."""

import torch

ROOM = 512


def moe_layer(x, Wg, W1, W2, *, top_k=1):
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    probs = torch.softmax(x.to(kind) @ Wg.to(kind), -1)
    weights, chosen = probs.topk(top_k, -1)
    out = torch.zeros(x.shape, dtype=kind)
    for expert in range(Wg.shape[1]):
        token, choice = (chosen[:ROOM] == expert).nonzero(as_tuple=True)
        if len(token):
            y = torch.relu(x[token] @ W1[expert]) @ W2[expert]
            out = out.index_add(0, token, y.to(kind) * weights[token, choice, None])
    return out.to(x.dtype)


CONFORM = {"operators": {"moe_layer": {"fixed": {"capacity_factor": None}}}}
