"""The scaling goes onto both factors as the root of its absolute value; a negative one adds."""

import math

import torch


def lora_merge(W0, A, B, *, alpha):
    kind = torch.float64 if W0.dtype == torch.float64 else torch.float32
    root = math.sqrt(abs(alpha) / A.shape[0])
    return (W0.to(kind) + (root * B.to(kind)) @ (root * A.to(kind))).to(W0.dtype)
