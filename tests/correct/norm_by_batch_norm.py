"""Layer norm as the batch norm of its rows: one channel a row, as instance norms are made."""

import torch
from torch.nn import functional as F

CONFORM = {"dtypes": ["float32", "float64"]}


def layer_norm(x, gamma, beta, *, eps=1e-5):
    rows = x.reshape(1, -1, x.shape[-1])
    if min(rows.shape) == 0 or rows.shape[2] == 1:  # batch norm wants more than one value
        return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)
    unit = F.batch_norm(rows, None, None, training=True, eps=max(eps, 1e-30))  # 0 it refuses
    return torch.addcmul(beta, unit.view_as(x), gamma)
