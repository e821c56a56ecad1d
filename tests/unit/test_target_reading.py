"""Naming targets, parsing declarations, deriving claims. Nothing here starts a worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conform.errors import ConformError
from conform.nearest import nearest
from conform.target.claims import OperatorSignature, TargetDescription
from conform.target.declaration import read_declaration
from conform.target.decorator import implements
from conform.target.discovery import Discovered, discover
from conform.target.limits import Limit, within
from conform.target.ref import TargetKind, TargetRef, parse_target
from conform.target.scaffold import write_adapter

ATTENTION = OperatorSignature(
    "attention",
    ("q", "k", "v"),
    {"causal": False, "window": None, "scale": None},
    sizes=("B", "H", "K", "Lq", "Lk", "D", "Dv"),
)
SOFTMAX = OperatorSignature("softmax", ("x",))
LORA = OperatorSignature(
    "lora_linear", ("x", "W0", "A", "B"), {"alpha": None}, frozenset({"alpha"})
)
OPERATORS = (ATTENTION, SOFTMAX, LORA)
NAMES = tuple(operator.name for operator in OPERATORS)


def module_of(**names: Any) -> ModuleType:
    module = ModuleType("mine")
    for name, value in names.items():
        if callable(value):
            value.__module__ = "mine"
        setattr(module, name, value)
    return module


def found(**names: Any) -> Discovered:
    return discover(module_of(**names), "mine", OPERATORS)


# --- naming a target -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reference", "kernels", "torch"])
def test_built_in_names(name: str) -> None:
    ref = parse_target(name)
    assert (ref.kind, ref.name) == (TargetKind.MODULE, name)
    assert ref.location.startswith("conform.builtin.")


def test_a_module_is_found_from_here_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "found_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "inner.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    ref = parse_target("found_package.inner")
    assert (ref.name, ref.location, ref.folder) == ("inner", "found_package.inner", str(tmp_path))
    assert "found_package" not in sys.modules


def test_a_path_and_a_package_folder(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text("")
    assert parse_target(str(tmp_path / "kernel.py")).name == "kernel"
    (tmp_path / "__init__.py").write_text("")
    ref = parse_target(f"{tmp_path}/")
    assert ref.name == tmp_path.name
    assert ref.location.endswith("__init__.py")


def test_exec_targets_are_recognised() -> None:
    ref = parse_target("exec:./serve --fast")
    assert (ref.kind, ref.name, ref.location) == (TargetKind.EXEC, "serve", "./serve --fast")


def test_an_entry_point_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "someones-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: someones\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[conform.targets]\nsomeones-kernel = someones.adapter\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert parse_target("someones-kernel").location == "someones.adapter"
    with pytest.raises(ConformError, match="did you mean 'someones-kernel'"):
        parse_target("someones-kernels")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "my_kernel.py").write_text("")
    with pytest.raises(ConformError, match=r"did you mean 'my_kernel\.py'") as caught:
        parse_target(str(tmp_path / "my_kernle.py"))
    assert caught.value.slug == "target-file-missing"


@pytest.mark.parametrize(
    ("text", "slug", "words"),
    [
        ("referense", "unknown-target", "did you mean 'reference'?"),
        ("no.such.module", "unknown-target", "no target 'no.such.module'"),
        ("json.no_such", "unknown-target", "no target 'json.no_such'"),
        (" ", "target-empty", "name is empty"),
        ("exec: ", "target-empty", "needs a command"),
        ("/no/such/file.py", "target-file-missing", "/no/such/file.py"),
    ],
)
def test_unknown_targets(text: str, slug: str, words: str) -> None:
    with pytest.raises(ConformError) as caught:
        parse_target(text)
    assert caught.value.slug == slug
    assert words in str(caught.value)


def test_a_folder_that_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(ConformError, match=r"has no __init__\.py"):
        parse_target(f"{tmp_path}/")


def test_references_survive_json() -> None:
    ref = TargetRef("a/b.py", TargetKind.FILE, "b", "/a/b.py")
    assert TargetRef.from_json(json.loads(json.dumps(ref.to_json()))) == ref


# --- the CONFORM dict ------------------------------------------------------------------------


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


# --- claims ----------------------------------------------------------------------------------


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


# --- limits, names, scaffold -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "sizes", "reason"),
    [
        ({"D": Limit(values=(64, 128))}, {"D": 32}, "D=32 is not one of [64, 128]"),
        ({"D": Limit(values=(64, 128))}, {"D": 64}, None),
        ({"L": Limit(maximum=8)}, {"Lq": 8, "Lk": 9}, "Lk=9 is above max=8"),
        ({"Lq": Limit(minimum=2)}, {"Lq": 1}, "Lq=1 is below min=2"),
        ({"L": Limit(multiple_of=16)}, {"L": 33}, "L=33 is not a multiple of 16"),
        ({"window": Limit(maximum=4)}, {"window": None}, None),
        ({"causal": Limit(values=(True,))}, {"causal": False}, "causal=False is not one of [True]"),
        ({"causal": Limit(values=(True,))}, {"causal": 1}, "causal=1 is not one of [True]"),
        ({"E": Limit(maximum=1)}, {"D": 3}, None),
    ],
)
def test_limits(limits: dict[str, Limit], sizes: dict[str, object], reason: str | None) -> None:
    assert within(limits, sizes) == reason


def test_nearest() -> None:
    assert nearest("Atention", ["attention", "rope"]) == ", did you mean 'attention'?"
    assert nearest("zzz", ["attention", "rope"]) == ""


def test_errors_print_and_travel() -> None:
    error = ConformError(
        "a-slug", "x=3; expected 4", hint="write 4", where="file.py:3", exit_code=3
    )
    assert str(error) == "file.py:3: x=3; expected 4 [a-slug]\nhint: write 4"
    again = ConformError.from_json(json.loads(json.dumps(error.to_json())))
    assert (str(again), again.exit_code) == (str(error), 3)


def test_a_scaffold_loads_and_claims_everything() -> None:
    text = write_adapter("my_kernel", OPERATORS)
    module = ModuleType("my_kernel")
    exec(compile(text, "my_kernel.py", "exec"), module.__dict__)
    claims = discover(module, "my_kernel", OPERATORS).claims
    assert set(claims) == set(NAMES)
    assert claims["attention"].options == {"causal", "window", "scale"}
    assert max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize("name", ["my-kernel", "class", ""])
def test_a_scaffold_needs_a_module_name(name: str) -> None:
    with pytest.raises(ConformError, match="cannot be a Python module's name"):
        write_adapter(name, OPERATORS)
