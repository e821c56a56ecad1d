"""Candidates are gathered by coarse bins with room for 64; what a crowded bin holds beyond is lost
(vllm #51782).
"""

import torch


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1).T
    bins = torch.floor(torch.log2(p.detach().clamp(min=1e-30)) * 4)
    indices = []
    for scores, bin_ in zip(p.detach(), bins, strict=True):
        found = []
        for b in sorted(set(bin_.tolist()), reverse=True):
            found += (bin_ == b).nonzero()[:, 0][:64].tolist()
        rest = [t for t in range(len(scores)) if t not in set(found)]
        pool = torch.tensor(found if len(found) >= capacity else found + rest)
        indices.append(pool[torch.topk(scores[pool], capacity).indices])
    indices = torch.stack(indices)
    return indices, p.gather(1, indices).to(x.dtype)
