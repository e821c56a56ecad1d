"""Of a row whose products may leave float16's range nothing can be said, nor of its gradients."""

from __future__ import annotations

import torch

from conform.run.oracle import Oracle
from conform.spec.book import built_in

LARGE = 130.0  # two of them, squared and added up, are beyond half of float16's range
MASK = torch.tensor([[True, True, False], [True, True, True]])


def test_a_row_beyond_the_range_has_no_bound_on_its_gradient() -> None:
    q = torch.tensor([[[[LARGE, LARGE], [0.5, -0.5]]]], dtype=torch.float64)
    k = torch.tensor([[[[LARGE, LARGE], [LARGE, 1.0], [1.0, 2.0]]]], dtype=torch.float64)
    v = torch.tensor([[[[1.0], [2.0], [3.0]]]], dtype=torch.float64)
    oracle = Oracle(built_in().operator("attention"), {})
    options = {"mask": MASK, "scale": 0.01}
    cotangents = (torch.ones(1, 1, 2, 1, dtype=torch.float64),)
    samples = {
        dtype: oracle.gradient_truth((q, k, v), options, dtype, 1, (0,), cotangents).draw()[0]
        for dtype in ("float16", "float32")
    }
    assert torch.isnan(samples["float16"][..., 0, :]).all()
    assert torch.isfinite(samples["float16"][..., 1, :]).all()
    assert torch.isfinite(samples["float32"]).all()
