"""torch.quantize_per_tensor and fake_quantize_per_tensor_affine, eight bits."""

import torch

CONFORM = {
    "name": "torch-quantization",
    "dtypes": ["float32"],
    "operators": {"uniform_quantize": {"fixed": {"bits": 8}}},
}


def uniform_quantize(x, *, scale, zero_point=0, signed=True):
    least = -128 if signed else 0
    if not least <= zero_point <= least + 255:
        raise NotImplementedError("the zero point must be a code")
    kind = torch.qint8 if signed else torch.quint8
    codes = torch.quantize_per_tensor(x.detach(), scale, zero_point, kind).int_repr().long()
    values = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, least, least + 255)
    return codes, values
