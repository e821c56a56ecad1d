"""What is asked of a target: which gradients, and how what flows back lies in memory."""

from __future__ import annotations

import pytest
import torch

from conform.draw.structure import draw_cases
from conform.run.local import LocalClient
from conform.run.material import materialise
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


def test_an_expanded_cotangent_has_a_stride_of_zero_where_it_is_constant() -> None:
    view = asked("expanded")
    assert view.shape[0] == 1 or view.stride(0) == 0


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
