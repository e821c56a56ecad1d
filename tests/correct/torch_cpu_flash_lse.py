"""The flash kernel for CPUs of torch, whose exponentials are coarse in half precision."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention_with_lse": {
            "requires": ["Lq == Lk or not causal", "D == Dv", "Lq > 0"],
            "strides": "last_contiguous",
            "differentiable": False,
            "rounding": "exponentials-in-dtype",
        }
    },
}


def attention_with_lse(q, k, v, *, causal=False, scale=None):
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return flash(q, k, v, 0.0, causal, scale=scale)
