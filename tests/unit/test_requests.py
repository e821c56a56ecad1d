"""What is asked of a target: which gradients, and how what flows back lies in memory."""

from __future__ import annotations

import pytest
import torch

from conform.draw.structure import draw_cases, vary
from conform.draw.variant import ANY, Variant
from conform.run.local import LocalClient
from conform.run.material import Material, materialise
from conform.run.outcomes import Kind, try_law
from conform.run.profiles import PROFILES
from conform.run.requests import Asked, make_request
from conform.run.session import Session
from conform.spec.book import built_in
from conform.target.claims import OperatorClaim

BOOK = built_in()
NORM = BOOK.operator("rms_norm")
CLAIM = OperatorClaim("rms_norm", "rms_norm", frozenset({"eps"}))


def asked(layout: str, strides: str = "any", *, measure: bool = False) -> torch.Tensor:
    """The cotangent of a request, as the worker would see it."""
    drawn = next(d for d in draw_cases(NORM.spec, 40, 0) if d.case.dims["E"] > 2)
    case = drawn.case.with_(cotangents=layout)
    claim = OperatorClaim("rms_norm", "rms_norm", frozenset({"eps"}), strides=strides)
    material = materialise(NORM, case, "float32")
    x = material.inputs[0]
    values = torch.randn(1, *x.shape[1:], dtype=torch.float64).expand(x.shape)
    request = make_request(
        material,
        NORM.spec,
        claim,
        Asked(material.inputs, {}, (0,), (values,), measure=measure),
    )
    assert request.cotangents is not None
    (arg,) = request.cotangents
    view = arg.view()
    assert torch.equal(view, values.float())
    return view


def test_cotangents_lie_as_the_case_says() -> None:
    assert asked("contiguous").is_contiguous()
    assert not asked("transposed").is_contiguous()
    assert not asked("sliced").is_contiguous()
    assert asked("misaligned").storage_offset() == 2


def test_transposed_cotangents_have_heads_or_features_swapped() -> None:
    """What is transposed further on comes back with a last stride that is not 1."""
    found = set()
    values = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    for drawn in draw_cases(NORM.spec, 12, 0):
        material = materialise(NORM, drawn.case.with_(cotangents="transposed"), "float32")
        request = make_request(
            material, NORM.spec, CLAIM, Asked(material.inputs, {}, (0,), (values,))
        )
        assert request.cotangents is not None
        view = request.cotangents[0].view()
        assert torch.equal(view, values.float())
        found.add(view.stride(-1) == 1)
    assert found == {True, False}


def test_an_expanded_cotangent_has_a_stride_of_zero_where_it_is_constant() -> None:
    view = asked("expanded")
    assert view.shape[0] == 1 or view.stride(0) == 0


def test_what_flows_back_from_a_sum_has_no_stride_at_all() -> None:
    """`y.sum().backward()` sends one number, expanded to every place."""
    drawn = next(d for d in draw_cases(NORM.spec, 40, 0) if d.case.dims["E"] > 2)
    material = materialise(NORM, drawn.case.with_(cotangents="expanded"), "float32")
    ones = torch.ones(2, 3, 4, dtype=torch.float64)
    given = Asked(material.inputs, {}, (0,), (ones,))
    request = make_request(material, NORM.spec, CLAIM, given)
    assert request.cotangents is not None
    view = request.cotangents[0].view()
    assert view.stride() == (0, 0, 0)
    assert torch.equal(view, ones.float())


@pytest.mark.parametrize(
    ("strides", "measure"), [("contiguous", False), ("contiguous", True), ("any", True)]
)
def test_cotangents_keep_to_what_the_target_takes(strides: str, measure: bool) -> None:
    assert asked("transposed", strides, measure=measure).is_contiguous()
    assert asked("transposed", "last_contiguous").stride(-1) == 1


def test_the_gradients_of_some_inputs_alone_are_asked_for() -> None:
    seen: list[tuple[bool, ...]] = []

    def rms_norm(x: torch.Tensor, gamma: torch.Tensor, *, eps: float = 1e-6) -> torch.Tensor:
        seen.append((x.requires_grad, gamma.requires_grad))
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gamma

    claims = {"rms_norm": CLAIM}
    session = Session("fake", LocalClient({"rms_norm": rms_norm}), claims, BOOK, PROFILES["quick"])
    law = BOOK.property("rms_norm.gradient-agrees")
    for item in session.drawn("rms_norm", 8):
        trial = try_law(session, law, session.case_of(law, item), "float64")
        assert trial.kind in (Kind.HELD, Kind.UNDECIDED)
    assert {(True, True), (True, False), (False, True)} <= set(seen)


def test_what_a_law_computes_lies_in_the_layouts_of_real_callers() -> None:
    """Each size has a layout of its own, swapped heads most often; `contiguous` stays so."""
    operator = BOOK.operator("attention")
    wide = {"B": "2", "H": "4", "K": "2", "Lq": "5", "Lk": "7", "D": "16", "Dv": "16"}
    drawn = draw_cases(operator.spec, 1, 0)[0]
    case = vary(operator.spec, drawn, 0, ANY, Variant(dims=wide))
    material = materialise(operator, case, "float32")
    claim = OperatorClaim("attention", "attention")
    q, k, v = material.inputs

    def strides(*args: torch.Tensor, own: Material = material) -> list[tuple[int, ...]]:
        request = make_request(own, operator.spec, claim, Asked(args))
        for given, x in zip(request.args, args, strict=True):
            view = torch.as_strided(given.storage, given.shape, given.strides, given.offset)
            assert torch.equal(view, x.float())
        return [tuple(given.strides) for given in request.args]

    def is_swapped(strides: tuple[int, ...]) -> bool:
        return strides[-1] == 1 and strides[-3] < strides[-2]

    found = [strides(*(x[..., :n] for x in (q, k, v))) for n in range(2, 17)]
    assert all(len({is_swapped(s) for s in each}) == 1 for each in found)
    assert 4 <= sum(is_swapped(each[0]) for each in found) <= 11
    fresh = [(x * 1.0) for x in (q, k, v)]
    material.fresh += fresh
    assert strides(*fresh) == [tuple(torch.empty(x.shape).stride()) for x in fresh]
    beside = [(x * 1.0) for x in (q, k, v)]
    material.swapped += beside
    assert all(is_swapped(s) for s in strides(*beside))
    plain = materialise(operator, case.with_(derived="contiguous"), "float32")
    for n in range(2, 17):
        args = [x[..., :n] for x in plain.inputs]
        expected = [tuple(torch.empty(x.shape).stride()) for x in args]
        assert strides(*args, own=plain) == expected
