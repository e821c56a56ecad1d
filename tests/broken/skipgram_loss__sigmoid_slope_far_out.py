"""log s(x) learns by exp(-x) / (1 + exp(-x)): inf / inf for pairs far apart (snntorch #433)."""

import torch
import torch.nn.functional as F


class LogGate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return F.logsigmoid(z)

    @staticmethod
    def backward(ctx, d):
        e = torch.exp(-ctx.saved_tensors[0])
        return d * e / (1 + e)


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v, u, n = (t.to(wide) for t in (centre, context, negatives))
    near = LogGate.apply((u * v).sum(-1))
    far = LogGate.apply(-(n * v[:, None]).sum(-1)).sum(-1)
    return -(near + far).mean().to(centre.dtype)
