"""Parsing the CONFORM dict. Nothing here starts a worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from target_samples import NAMES, found

from conform.errors import ConformError
from conform.target.claims import TargetDescription
from conform.target.declaration import read_declaration
from conform.target.limits import Limit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "CONFORM = []; expected a dict"),
        ({"dtype": []}, "CONFORM: unknown key 'dtype', did you mean 'dtypes'?"),
        ({"device": "gpu"}, "CONFORM['device'] = 'gpu'; expected 'cpu', 'cuda' or 'cuda:N'"),
        ({"dtypes": ["float8"]}, "unknown dtype 'float8'"),
        ({"dtypes": []}, "expected a non-empty list of dtype names"),
        ({"name": ""}, "CONFORM['name'] = ''; expected a name"),
        ({"operators": {"atention": {}}}, "unknown operator 'atention', did you mean 'attention'?"),
        ({"operators": []}, "expected a dict from operator name"),
        ({"operators": {"softmax": None}}, "['softmax'] = None; expected a dict"),
    ],
)
def test_wrong_declarations(value: object, words: str) -> None:
    with pytest.raises(ConformError) as caught:
        read_declaration("mine", value, NAMES)
    assert words in str(caught.value)
    assert str(caught.value).startswith("mine: ")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"layuot": "BLHD"}, "unknown key 'layuot', did you mean 'layout'?"),
        ({"layout": "LBHD"}, "['layout']: unknown layout 'LBHD', did you mean 'BLHD'?"),
        ({"requires": "Lq == Lk"}, "['requires'] = 'Lq == Lk'; expected a list of conditions"),
        ({"fixed": {"causal": [1]}}, "['fixed']['causal'] = [1]"),
        ({"fixed": {"casual": True}}, "unknown option 'casual', did you mean 'causal'?"),
        ({"limits": {"D": {"maximum": 3}}}, "unknown key 'maximum'"),
        ({"limits": {"D": {"max": "3"}}}, "['limits']['D']['max'] = '3'; expected a number"),
        ({"limits": {"D": []}}, "expected a non-empty list of values"),
        ({"limits": {"D": {"multiple_of": 0}}}, "expected a positive integer"),
        ({"limits": {"Z": [1]}}, "unknown size or option 'Z'"),
        ({"conventions": {"casual": "top_left"}}, "unknown convention 'casual'"),
        (
            {"conventions": {"causal": "topleft"}},
            "unknown value 'topleft', did you mean 'top_left'",
        ),
        ({"rounding": 3}, "['rounding'] = 3"),
        ({"differentiable": "q"}, "expected True, False or a list of inputs"),
        ({"differentiable": ["x"]}, "unknown input 'x'"),
        ({"options": {"causal": "is_causal"}}, "which has no 'is_causal'"),
        ({"options": ["softcap"]}, "unknown option 'softcap'"),
        ({"strides": "dense"}, "unknown value 'dense'"),
        ({"mutates": ["cache"]}, "unknown input 'cache'"),
        ({"function": "flash"}, "there is no 'flash', did you mean 'flash2'?"),
        ({"function": "no_such_module_x:f"}, "expected an importable module"),
        ({"fixed": {"causal": True}}, "only options that the function lacks; it takes 'causal'"),
    ],
)
def test_wrong_operator_declarations(entry: dict[str, Any], words: str) -> None:
    def attention(q: Any, k: Any, v: Any, *, causal: bool = False) -> None: ...

    def flash2(q: Any, k: Any, v: Any) -> None: ...

    with pytest.raises(ConformError) as caught:
        found(attention=attention, flash2=flash2, CONFORM={"operators": {"attention": entry}})
    assert words in str(caught.value)
    assert "['operators']['attention']" in str(caught.value)


def test_the_example_of_the_contract() -> None:
    entry = {
        "function": "my_flash_attention",
        "layout": "BLHD",
        "requires": ["Lq == Lk", "mask is None or bias is None"],
        "fixed": {"causal": True},
        "limits": {"D": [64, 128], "L": {"max": 8192, "multiple_of": 16}},
        "conventions": {"masked_rows": "nan", "causal": "top_left"},
        "rounding": "scores-in-dtype",
        "differentiable": ["q", "k", "v"],
    }

    def my_flash_attention(q: Any, k: Any, v: Any, *, scale: float | None = None) -> None: ...

    target = found(
        my_flash_attention=my_flash_attention,
        CONFORM={
            "name": "mykernel",
            "device": "cuda",
            "dtypes": ["float16", "torch.bfloat16"],
            "operators": {"attention": entry},
        },
    )
    claim = target.claims["attention"]
    assert claim.options == {"scale"}
    assert claim.fixed == {"causal": True}
    assert claim.limits["L"] == Limit(maximum=8192, multiple_of=16)
    assert target.declaration.dtypes == ("float16", "bfloat16")
    description = TargetDescription("mykernel", "cuda", ("float16",), target.claims)
    again = TargetDescription.from_json(json.loads(json.dumps(description.to_json())))
    assert again == description
