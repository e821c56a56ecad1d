"""The top-k loop strikes out the choice before by writing into the probabilities that autograd
saved a copy of: only the first choice's weight carries a gradient.
"""

import torch


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    left, indices, weights = p.detach().clone(), [], []
    for i in range(top_k):
        best = left.argmax(-1, keepdim=True)
        weights.append((p if i == 0 else p.detach()).gather(-1, best))
        indices.append(best)
        left.scatter_(-1, best, -1.0)
    return torch.cat(indices, -1), torch.cat(weights, -1).to(x.dtype)
