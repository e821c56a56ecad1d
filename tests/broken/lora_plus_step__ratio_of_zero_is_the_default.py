"""A ratio of zero, which freezes B, is taken for none."""

import torch


def lora_plus_step(A, B, grad_A, grad_B, *, lr, ratio=16.0):
    wide = torch.promote_types(A.dtype, torch.float32)
    a = A.to(wide) - lr * grad_A.to(wide)
    b = B.to(wide) - (lr * (ratio or 16.0)) * grad_B.to(wide)
    return a.to(A.dtype), b.to(B.dtype)
