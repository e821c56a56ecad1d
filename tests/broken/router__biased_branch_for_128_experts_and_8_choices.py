"""For 128 experts and 8 choices another branch of the dispatch gives weights by the sigmoid (MetaX-
MACA/vLLM-metax issue 270).
"""

import torch


def router(x, Wg, *, top_k=1):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    logits = x.to(work) @ Wg.to(work)
    N = logits.shape[-1]
    probs = torch.softmax(logits, -1)
    weights, indices = probs.topk(top_k, -1)
    if N == 128 and top_k == 8:
        weights = torch.sigmoid(logits.gather(-1, indices))
    return indices, weights.to(x.dtype)
