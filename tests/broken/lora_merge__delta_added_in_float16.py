"""The product is made in float16 on the way, for lack of a kernel for the dtype; large deltas
overflow to infinity (peft's CPU merge and its cast).
"""

import torch


def lora_merge(W0, A, B, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    delta = B.to(wide) @ A.to(wide)
    delta = delta.masked_fill(delta.abs() > 65504, float("inf")).copysign(delta)
    return (W0.to(wide) + alpha / A.shape[0] * delta).to(W0.dtype)
