"""Beyond 8 experts logits are padded with zeros to a power of two, and the padding takes part in
the softmax.
"""

import torch


def router(x, Wg, *, top_k=1):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    logits = x.to(work) @ Wg.to(work)
    N = logits.shape[-1]
    more = (1 << (N - 1).bit_length()) - N if N > 8 else 0
    probs = torch.softmax(torch.nn.functional.pad(logits, (0, more)), -1)[..., :N]
    weights, indices = probs.topk(top_k, -1)
    return indices, weights.to(x.dtype)
