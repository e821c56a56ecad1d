"""Hugging Face transformers, Qwen3-Next: RMSNorm with weight 1 + w, eager attention."""

from types import SimpleNamespace

from torch.func import functional_call
from transformers.models.qwen3_next.modeling_qwen3_next import (
    Qwen3NextRMSNorm,
    eager_attention_forward,
)

CONFORM = {
    "name": "hf-qwen3-next",
    "dtypes": ["float32", "bfloat16"],
    "operators": {
        "rms_norm": {"conventions": {"norm_weight": "one_plus", "compute_dtype": "float32"}},
        "attention": {"rounding": "scores-in-dtype"},
    },
}


def rms_norm(x, gamma, *, eps=1e-6):
    return functional_call(Qwen3NextRMSNorm(x.shape[-1], eps), {"weight": gamma}, x)


def attention(q, k, v, *, bias=None, scale=None):
    groups = q.shape[1] // k.shape[1]
    module = SimpleNamespace(num_key_value_groups=groups, training=False)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return eager_attention_forward(module, q, k, v, bias, scale)[0].transpose(1, 2)
