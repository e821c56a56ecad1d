"""Head sizes of 128 and 256 compile, 192 does not: it is no power of two (OpenNLPLab/TransnormerLLM
#9).
"""

import torch


def linear_attention(q, k, v, *, causal=False):
    if q.shape[-1] == 192:
        raise RuntimeError("PassManager::run failed")
    wide = torch.promote_types(q.dtype, torch.float32)
    a, c, v_ = (
        torch.nn.functional.elu(q.to(wide)) + 1,
        torch.nn.functional.elu(k.to(wide)) + 1,
        v.to(wide),
    )
    s = a @ c.mT
    s = torch.tril(s) if causal else s
    return (s @ v_ / s.sum(-1, keepdim=True)).to(q.dtype)
