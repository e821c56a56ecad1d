"""A softmax kept in float16 has no slope where its result came out as zero."""

from __future__ import annotations

import torch

from conform.judge.criterion import judge
from conform.judge.model import Model
from conform.judge.sampling import sample
from conform_reference._attend import attend

MODEL = Model("float16", frozenset({"probabilities", "backward.probabilities"}), backward=True)
VISIBLE = torch.ones(1, 1, 1, 3, dtype=torch.bool)
KEYS = torch.tensor([[[[0.0], [-1.0], [-18.0]]]], dtype=torch.float64)
# The value of the key whose weight vanishes is small, that of the others is large.
VALUES = torch.tensor([[[[1000.0], [900.0], [1.0]]]], dtype=torch.float64)


def slope_of_last_key(keys: torch.Tensor) -> torch.Tensor:
    k = keys.detach().requires_grad_()
    query = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    o = attend(query, k, VALUES, visible=VISIBLE, scale=1.0)[0]
    return torch.autograd.grad(o.sum(), k, create_graph=True)[0]


def test_no_slope_is_right_where_the_weight_vanishes_but_only_there() -> None:
    exact = slope_of_last_key(KEYS).detach()
    rows = [
        sample(slope_of_last_key, [KEYS], MODEL, 1, seed, f"kept-{seed}")[0] for seed in range(23)
    ]
    samples = torch.cat(rows).detach()
    stored = torch.softmax(KEYS.squeeze(-1), -1).half()
    assert float(stored[..., -1]) == 0.0
    back = stored.double() * (VALUES.squeeze(-1) - (stored.double() @ VALUES).squeeze(-1))
    got = back.unsqueeze(-1).to(torch.float32)
    assert judge(got, exact, samples, 1.0).within
    got[..., 1, :] *= 1.1
    assert not judge(got, exact, samples, 1.0).within
