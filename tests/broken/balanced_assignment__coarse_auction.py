"""An auction with raises of at least a fiftieth of the range ends near the best assignment."""

import torch


def balanced_assignment(scores):
    tokens, n = scores.shape
    if tokens % n:
        raise ValueError("experts do not divide the tokens")
    slots = tokens // n
    value = scores.double().repeat_interleave(slots, 1)
    price = torch.zeros(tokens, dtype=torch.float64)
    eps = max(1e-9, float(value.max() - value.min()) / 50)
    owner, mine = [-1] * tokens, [-1] * tokens
    while -1 in mine:
        t = mine.index(-1)
        gain = value[t] - price
        best = gain.topk(min(2, tokens))
        slot = int(best.indices[0])
        price[slot] += float(best.values[0] - best.values[-1]) + eps
        if owner[slot] >= 0:
            mine[owner[slot]] = -1
        owner[slot], mine[t] = t, slot
    return torch.tensor(mine) // slots
