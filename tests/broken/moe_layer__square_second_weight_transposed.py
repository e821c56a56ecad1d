"""A second weight whose rows are as many as the width is taken as stored transposed."""

import math

import torch


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    T, N = x.shape[0], Wg.shape[1]
    y = x.to(w)
    weights, indices = torch.softmax(y @ Wg.to(w), -1).topk(top_k, -1)
    kept = torch.ones_like(indices, dtype=torch.bool)
    if capacity_factor is not None and T:
        capacity = math.ceil(T * capacity_factor / N)
        flat = indices.T.reshape(-1)
        place = torch.nn.functional.one_hot(flat, N).cumsum(0).gather(1, flat[:, None])[:, 0]
        kept = (place <= capacity).reshape(top_k, T).T
    out = torch.zeros_like(y)
    for e in range(N):
        rows, rank = ((indices == e) & kept).nonzero(as_tuple=True)
        A, B = W1[e].to(w), W2[e].to(w)
        if B.shape == A.shape:
            B = B.T
        h = torch.relu(y[rows] @ A) @ B
        out = out.index_add(0, rows, h * weights[rows, rank, None])
    return out.to(x.dtype)
