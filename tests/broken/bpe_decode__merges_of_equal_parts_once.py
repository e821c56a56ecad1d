"""A merge of a symbol with itself is spelled once."""

import torch


def bpe_decode(ids, merges, *, alphabet):
    table = merges.tolist()
    if any(not 0 <= i < alphabet + len(table) for i in ids.tolist()):
        raise ValueError("unknown id")
    spelled = {i: [i] for i in range(alphabet)}
    for rank, (a, b) in enumerate(table):
        spelled[alphabet + rank] = spelled[a] + (spelled[b] if a != b or a < alphabet else [])
    out = [s for i in ids.tolist() for s in spelled[i]]
    return torch.tensor(out, dtype=torch.int64)
