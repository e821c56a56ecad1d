"""Values are looked up in a table over float16 (ggml-org/llama.cpp, GGML_GELU_FP16)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gelu(x, *, approximate="none"):
    torch.promote_types(x.dtype, torch.float32)
    y = torch.nn.functional.gelu(x.half().float(), approximate=approximate).half()
    return torch.where(x.abs() >= 10, x.clamp(min=0), y.to(x.dtype))
