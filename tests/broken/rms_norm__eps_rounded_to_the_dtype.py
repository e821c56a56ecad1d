"""eps is passed as a number of the input's dtype: 1e-6 is rounded in bfloat16, and half of it in
float16.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    v = x.to(wide)
    e = torch.tensor(eps, dtype=x.dtype).to(wide)
    return (v * torch.rsqrt((v * v).mean(-1, keepdim=True) + e) * gamma.to(wide)).to(x.dtype)
