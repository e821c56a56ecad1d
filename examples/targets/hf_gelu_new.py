"""Hugging Face transformers: `gelu_new`, the tanh form of GPT-2, in single PyTorch operations.

In half precision each of them rounds; see FINDINGS.md.
"""

from transformers.activations import ACT2FN

CONFORM = {
    "name": "hf-gelu-new",
    "dtypes": ["float32", "bfloat16", "float16", "float64"],
    "operators": {"gelu": {"fixed": {"approximate": "tanh"}}},
}


def gelu(x):
    return ACT2FN["gelu_new"](x)
