"""Tokens choose in turn, the best expert that still has room: even, but not the best total."""

import torch

MISTAKE = "balanced_assignment.greedy"


def balanced_assignment(scores):
    tokens, experts = scores.shape
    if tokens % experts:
        raise ValueError("uneven")
    room, out = [tokens // experts] * experts, []
    for row in scores.tolist():
        best = max((e for e in range(experts) if room[e]), key=lambda e: row[e])
        room[best] -= 1
        out.append(best)
    return torch.tensor(out)
