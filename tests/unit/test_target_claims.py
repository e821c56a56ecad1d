"""Claims by signature, by declaration and by decorator. Nothing here starts a worker."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from target_samples import OPERATORS, found, module_of

from conform.errors import ConformError
from conform.target.decorator import implements
from conform.target.discovery import discover


def test_options_are_claimed_by_signature() -> None:
    def attention(a: Any, b: Any, c: Any, window: Any = None, *, scale: Any = None) -> None: ...

    assert found(attention=attention).claims["attention"].options == {"window", "scale"}


def test_var_keywords_claim_nothing_unless_declared() -> None:
    def attention(q: Any, k: Any, v: Any, **kwargs: Any) -> None: ...

    assert found(attention=attention).claims["attention"].options == frozenset()
    declared = {"operators": {"attention": {"options": ["causal"]}}}
    assert found(attention=attention, CONFORM=declared).claims["attention"].options == {"causal"}


def test_a_list_of_options_narrows() -> None:
    def attention(q: Any, k: Any, v: Any, causal: Any = 0, scale: Any = None) -> None: ...

    declared = {"operators": {"attention": {"options": ["scale"]}}}
    assert found(attention=attention, CONFORM=declared).claims["attention"].options == {"scale"}


def test_renamed_options_add_to_the_signatures() -> None:
    def attention(q: Any, k: Any, v: Any, *, is_causal: Any = 0, scale: Any = None) -> None: ...

    declared = {"operators": {"attention": {"options": {"causal": "is_causal"}}}}
    claim = found(attention=attention, CONFORM=declared).claims["attention"]
    assert claim.options == {"causal", "scale"}
    assert claim.renames == {"causal": "is_causal"}


def test_callable_objects_are_fine() -> None:
    class Attention:
        def __call__(self, q: Any, k: Any, v: Any, causal: bool = False) -> None: ...

    assert found(attention=Attention()).claims["attention"].options == {"causal"}


def test_torch_modules_are_asked_for_their_forward() -> None:
    import torch

    class Attention(torch.nn.Module):
        def forward(self, q: Any, k: Any, v: Any, causal: bool = False) -> None: ...

    Attention.__module__ = "mine"
    module = ModuleType("mine")
    module.attention = Attention()  # type: ignore[attr-defined]
    assert discover(module, "mine", OPERATORS).claims["attention"].options == {"causal"}


def _no_scale(q: Any, k: Any) -> None: ...


def _option_in_front(q: Any, k: Any, causal: Any) -> None: ...


def _requires_more(q: Any, k: Any, v: Any, layout: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_no_scale, "takes 2 positional arguments; expected 3 (q, k, v)"),
        (_option_in_front, "positional argument 2 is 'causal', an option; expected 'v'"),
        (_requires_more, "it requires 'layout', which the contract does not pass"),
    ],
)
def test_wrong_signatures(function: Callable[..., None], words: str) -> None:
    with pytest.raises(ConformError) as caught:
        found(attention=function)
    assert caught.value.slug == "wrong-signature"
    assert words in str(caught.value)
    assert "expected: attention(q, k, v, *, causal=False, window=None, scale=None)" in str(
        caught.value
    )


def test_a_required_option_must_be_taken_or_fixed() -> None:
    def lora_linear(x: Any, W0: Any, A: Any, B: Any) -> None: ...

    with pytest.raises(ConformError, match="does not take 'alpha'"):
        found(lora_linear=lora_linear)
    declared = {"operators": {"lora_linear": {"fixed": {"alpha": 16}}}}
    assert found(lora_linear=lora_linear, CONFORM=declared).claims["lora_linear"].fixed == {
        "alpha": 16
    }


def test_a_class_is_no_function() -> None:
    class Softmax: ...

    with pytest.raises(ConformError, match="'softmax' is a class") as caught:
        found(softmax=Softmax)
    assert caught.value.slug == "not-a-function"


def test_the_decorator_declares() -> None:
    @implements("attention", fixed={"causal": True}, layout="BLHD")
    def fast(q: Any, k: Any, v: Any) -> None: ...

    claim = found(fast=fast).claims["attention"]
    assert (claim.function, claim.layout, claim.fixed) == ("fast", "BLHD", {"causal": True})


def test_the_decorators_mistakes_name_the_function() -> None:
    @implements("attention", layout="XYZ")
    def fast(q: Any, k: Any, v: Any) -> None: ...

    @implements("attentoin")
    def other(q: Any, k: Any, v: Any) -> None: ...

    with pytest.raises(ConformError, match=r"@implements on fast\['layout'\]: unknown layout"):
        found(fast=fast)
    with pytest.raises(ConformError, match="@implements on other: unknown operator 'attentoin'"):
        found(other=other)


def test_two_declarations_of_one_operator_clash() -> None:
    @implements("softmax")
    def one(x: Any) -> None: ...

    @implements("softmax")
    def two(x: Any) -> None: ...

    with pytest.raises(ConformError, match="both one and two are declared as 'softmax'"):
        found(one=one, two=two)
    with pytest.raises(ConformError, match="as one declares 'softmax' by decorator"):
        found(one=one, CONFORM={"operators": {"softmax": {"function": "one"}}})


def _scripted(x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    return torch.softmax(x * scale, -1)


def test_what_torch_jit_made_has_its_signature() -> None:
    function = torch.jit.script(_scripted)
    target = module_of()
    target.softmax = function  # type: ignore[attr-defined]
    assert discover(target, "mine", OPERATORS).claims["softmax"].operator == "softmax"
    target.attention = function  # type: ignore[attr-defined]
    with pytest.raises(ConformError, match=r"attention\(x, scale=1.0\)"):
        discover(target, "mine", OPERATORS)


def test_instances_of_torchs_modules_are_the_files_own() -> None:
    target = module_of()
    target.softmax = torch.nn.Softmax(-1)  # type: ignore[attr-defined]
    assert list(discover(target, "mine", OPERATORS).claims) == ["softmax"]
    target.softmax = torch.softmax  # type: ignore[attr-defined]
    with pytest.raises(ConformError):
        discover(target, "mine", OPERATORS)
