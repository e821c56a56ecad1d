"""The running sums of the keys in the denominator come from a kernel without a backward pass: the
keys learn by the numerator alone (fla-org/flash-linear-attention #875).
"""

import torch


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    f, g = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    values = v.to(wide)
    with torch.no_grad():
        sums = g.cumsum(2) if causal else g.sum(2, keepdim=True)
    weights = f @ g.mT
    if causal:
        weights = weights.tril()
    return (weights @ values / (f * sums).sum(-1, keepdim=True)).to(q.dtype)
