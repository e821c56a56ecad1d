"""Cases in which one dim goes far: which, how far, and that what breaks there is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conform.records import Outcome
from conform.run.far import FAR, FAR_BY_EIGHT, far_cases
from conform.run.implementations import Bench
from conform.run.profiles import PROFILES
from conform.run.verify import verify
from conform.spec.book import Property, built_in
from conform.target.limits import Limit

BOOK = built_in()


def law_of(name: str, kind: str) -> Property:
    return next(p for p in BOOK.operator(name).properties if p.kind == kind)


def cases(
    name: str, kind: str = "agreement", dtype: str = "float32", **limits: Limit
) -> list[dict[str, int]]:
    bench = Bench(BOOK, PROFILES["quick"])
    bench.claims[name] = replace(bench.claims[name], limits=limits)
    session = bench.session(name, bench.oracle(name))
    return [case.dims for _, case, _ in far_cases(session, law_of(name, kind), dtype)]


def test_each_long_dim_goes_far_by_itself() -> None:
    found = cases("layer_norm")
    assert [max(dims, key=lambda name: dims[name]) for dims in found].count("E") == 1
    assert {max(dims, key=lambda name: dims[name]) for dims in found} == {"B", "L", "E"}
    assert max(dims["E"] for dims in found) == FAR[0]
    assert all(sorted(dims.values())[-2] <= 8 for dims in found)


def test_heads_and_their_sizes_stay_small() -> None:
    assert all(dims["D"] <= 64 and dims["K"] <= 8 for dims in cases("attention"))


def test_a_length_of_at_least_two_goes_far_as_any() -> None:
    assert max(dims["L"] for dims in cases("language_model_loss")) > 500


def test_what_is_much_work_goes_at_least_beyond_a_tile() -> None:
    assert 64 < max(dims["L"] for dims in cases("t5_attention")) < 259


def test_a_single_sequence_head_and_layer_goes_further() -> None:
    far = next(dims for dims in cases("vit_encoder") if dims["T"] > 64)
    assert (far["T"], far["B"], far["S"], far["H"]) == (259, 1, 1, 1)
    assert far["E"] > 2


def test_whole_models_have_few_such_cases() -> None:
    found = cases("decoder_block")
    assert len(found) == PROFILES["quick"].far_gradients
    assert all(max(dims.values()) > 64 for dims in found)


def test_even_sizes_stay_even() -> None:
    assert all(dims["n"] % 2 == 0 for dims in cases("nf4_pack"))


def test_limits_are_kept() -> None:
    assert all(dims["E"] <= 64 for dims in cases("layer_norm", E=Limit(maximum=64.0)))


def test_gradients_are_asked_for_the_width_first() -> None:
    found = cases("rms_norm", "gradient")
    assert len(found) == PROFILES["quick"].far_gradients
    assert found[0]["E"] > 1000


def test_half_precision_is_asked_at_whole_vectors() -> None:
    found = [dims for dtype in ("bfloat16", "float16") for dims in cases("gelu", dtype=dtype)]
    assert [dims["N"] for dims in found] == [FAR_BY_EIGHT[0]]


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_a_feature_lost_far_out_is_refuted(name: str) -> None:
    bench = Bench(BOOK, PROFILES["quick"])
    right = bench.oracle(name)

    def wrong(x: torch.Tensor, *args: torch.Tensor, **options: float) -> torch.Tensor:
        y = right(x, *args, **options)
        return (
            y * torch.cat([torch.ones(2048), torch.zeros(y.shape[-1] - 2048)])
            if (y.shape[-1] > 2048 and y.shape[-1] % 2)
            else y
        )

    verdict = verify(bench.session(name, wrong), law_of(name, "agreement"), "float32")
    assert verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_a_few_features_that_vectors_leave_over_show_in_bfloat16(name: str) -> None:
    """Eight of four thousand weigh less than its rounding, unless they are large."""
    bench = Bench(BOOK, PROFILES["quick"])
    right = bench.oracle(name)

    def wrong(x: torch.Tensor, *args: torch.Tensor, **options: float) -> torch.Tensor:
        whole = x.shape[-1] // 16 * 16
        y = right(x, *args, **options)
        if x.shape[-1] <= 1024 or whole == x.shape[-1]:
            return y
        few = torch.cat([x[..., :whole], x[..., whole:] * 0 + x[..., :1]], -1)
        return torch.cat([right(few, *args, **options)[..., :whole], y[..., whole:]], -1)

    session = replace(bench.session(name, wrong), dtypes=("float32", "bfloat16"))
    assert verify(session, law_of(name, "agreement"), "bfloat16").outcome is Outcome.FAIL
