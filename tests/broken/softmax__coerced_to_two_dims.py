"""All axes behind the first are one (softmax of ONNX before opset 13)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def softmax(x):
    z = x.to(torch.promote_types(x.dtype, torch.float32))
    if x.dim() < 3:
        return torch.softmax(z, -1).to(x.dtype)
    return torch.softmax(z.flatten(1), -1).view(x.shape).to(x.dtype)
