"""The vocabulary against torch, special forms over a fake caller, names = code = documentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from conform.commands.show import explain_command
from conform.law import evaluate as module
from conform.law import vocabulary
from conform.law.evaluate import Evaluator
from conform.law.form_words import FORM_WORDS
from conform.law.grammar import LawError, parse
from conform.law.names import CONSTANT_NAMES, FORM_NAMES, FUNCTION_NAMES, LAW_NAMES
from conform.run.laws import LawRun

X = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], dtype=torch.float64)
P = torch.tensor([2, 0, 1])
BEYOND_VALUES = {"depends", "raises", "strictly", "differs", "finite", "follows"}


class FakeCaller:
    """`doubled` is 2 x and `ref.doubled` is 3 x; gradients by autograd."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def call(self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        self.seen.append(dict(options))
        return args[0] * 2

    def oracle(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return args[0] * 3

    def effect(self, name: str) -> Any:
        return name

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        evaluate()
        return name

    def gradient(
        self, function: Callable[..., Any], at: tuple[Tensor, ...], cotangent: Tensor | None
    ) -> tuple[Tensor, ...]:
        leaves = tuple(x.clone().requires_grad_(True) for x in at)
        out = function(*leaves)
        return torch.autograd.grad(
            out, leaves, torch.ones_like(out) if cotangent is None else cotangent
        )


def law(
    text: str, caller: FakeCaller | None = None, lets: Mapping[str, str] | None = None, **names: Any
) -> Any:
    given = {
        "x": X,
        "y": X + 1,
        "p": P,
        "b": X > 0,
        "i": 1,
        "options": {"scale": 2.0},
        "inputs": (X,),
        **names,
    }
    trees = {name: parse(source) for name, source in (lets or {}).items()}
    return Evaluator(given, trees, caller or FakeCaller(), frozenset({"doubled"}), "doubled").value(
        parse(text)
    )


FUNCTIONS: dict[str, Any] = {
    "exp(x)": X.exp(),
    "exp(0)": 1.0,
    "log(abs(x))": X.abs().log(),
    "log2(8)": 3.0,
    "sqrt(abs(x))": X.abs().sqrt(),
    "tanh(x)": X.tanh(),
    "sin(x)": X.sin(),
    "cos(x)": X.cos(),
    "erf(x)": X.erf(),
    "sigmoid(x)": X.sigmoid(),
    "sigmoid(0)": 0.5,
    "relu(x)": X.relu(),
    "relu(-2)": 0.0,
    "abs(-2)": 2,
    "sum(x)": X.sum(),
    "sum(x, -1)": X.sum(-1),
    "sum(b)": 4,
    "sum(x, (0, 1), True)": X.sum((0, 1), True),
    "mean(x, 0)": X.mean(0),
    "mean(p)": 1.0,
    "max(x)": 4.0,
    "max(x, dim=-1)": X.amax(-1),
    "max(x, y)": X + 1,
    "max(1, 2, 3)": 3,
    "max((1, 5, 2))": 5,
    "max(x, 0.75)": X.clamp_min(0.75),
    "min(x, dim=0)": X.amin(0),
    "min(x)": -2.0,
    "min(2, 3)": 2,
    "min(3)": None,
    "norm(x)": X.norm(dim=-1),
    "norm(x, (0, 1))": X.norm(),
    "var(x)": X.var(-1, correction=0),
    "clamp(x, -1, 1)": X.clamp(-1, 1),
    "clamp(x, 0)": X.clamp(0),
    "where(b, x, 0)": X.relu(),
    "where(True, 1, 2)": 1,
    "where(b, 1.5, p[0])": torch.where(X > 0, 1.5, 2.0),
    "sort(x)": X.sort().values,
    "cumsum(x)": X.cumsum(-1),
    "matmul(x, transpose(x))": X @ X.T,
    "x @ transpose(x)": X @ X.T,
    "einsum('ij,ij->i', x, y)": (X * (X + 1)).sum(-1),
    "dot(x, y)": (X * (X + 1)).sum(-1),
    "transpose(x, 0, 1)": X.T,
    "outer(x[0], p)": torch.outer(X[0], P.double()),
    "arange(4)": torch.arange(4),
    "arange(1, 7, 2)": torch.arange(1, 7, 2),
    "ones(2, 3)": torch.ones(2, 3),
    "zeros(2)": torch.zeros(2),
    "ones(size(x))": torch.ones(2, 3),
    "full(True, 2)": torch.ones(2, dtype=torch.bool),
    "full(3, 2)": torch.tensor([3, 3]),
    "full(0.5, 2)": torch.tensor([0.5, 0.5]),
    "eye(3)": torch.eye(3),
    "one_hot(p, 4)": torch.nn.functional.one_hot(P, 4),
    "tril(x)": X.tril(),
    "triu(x, 1)": X.triu(1),
    "permute(x, p, 1)": X[:, P],
    "inverse(p)": torch.tensor([1, 2, 0]),
    "p[inverse(p)]": torch.arange(3),
    "take(x, 1)": X[1],
    "take(x, p, 1)": X[:, P],
    "take((4, 5), 1)": 5,
    "gather(x, stack(p, p))": X.gather(-1, torch.stack([P, P])),
    "slice(x, 1, 1, 3)": X[:, 1:3],
    "slice(x, 1, 2, 1)": X[:, 2:2],
    "concat(x, y)": torch.cat([X, X + 1]),
    "concat((x, y), dim=1)": torch.cat([X, X + 1], 1),
    "stack(x, y, dim=1)": torch.stack([X, X + 1], 1),
    "split(x, 2, 1)": tuple(X.split(2, 1)),
    "split(x, (1, 2), 1)": tuple(X.split([1, 2], 1)),
    "roll(x, 1, 1)": X.roll(1, 1),
    "flip(x, 1)": X.flip(1),
    "reshape(x, 3, 2)": X.reshape(3, 2),
    "reshape(x, (-1,))": X.reshape(-1),
    "repeat(x, 2, 0)": X.repeat_interleave(2, 0),
    "tile(x, 2, 0)": torch.cat([X, X]),
    "expand(x[0], 4, 3)": X[0].expand(4, 3),
    "unsqueeze(x, 1)": X.unsqueeze(1),
    "size(x)": (2, 3),
    "size(x, 1)": 3,
    "size((1, 2))": 2,
    "nbytes(x)": 48,
    "nbytes((x, 1, (x,)))": 96,
    "permutation_matrix(p)": torch.eye(3)[P],
    "isfinite(x / 0)": torch.zeros(2, 3).bool(),
    "isnan(x)": torch.zeros(2, 3).bool(),
    "any(b)": True,
    "all(b, 1)": (X > 0).all(1),
    "argmax(x)": X.argmax(-1),
    "round(x / 3)": (X / 3).round(),
    "round(2.5)": 2,
    "integer(x)": X.long(),
    "integer(2.7)": 2,
    "real(p)": P.double(),
    "identity(x)": X,
    "zero(x)": X * 0,
    "previous(x)": X.roll(1, -2),
    "rank(outer(x[0], x[1]))": 1,
    "unique_rows(concat(x, x))": 2,
    "ceil(x)": X.ceil(),
    "ceil(1.2)": 2,
    "floor(x)": X.floor(),
    "sign(x)": X.sign(),
    "range(2, 5)": (2, 3, 4),
    "diff(x)": X.diff(),
    "names(('a', 'b'))": frozenset({"a", "b"}),
    "contains(names(('a', 'b')), 'a')": True,
    "log_gamma(4.0)": math.lgamma(4.0),
    "topk(x, 2)": torch.topk(X, 2).indices,
    "histogram(one_hot(arange(2), 3), 2)": torch.tensor([4, 2]),
    "kron(x, x)": torch.kron(X, X),
    "tensor((1, 2))": torch.tensor([1, 2]),
    "pi": math.pi,
    "-inf": -math.inf,
    "log(e)": 1.0,
}
del FUNCTIONS["min(3)"]
LANGUAGE: dict[str, Any] = {
    "x[..., 1:]": X[..., 1:],
    "x[0, None]": X[0, None],
    "x[:, ::2]": X[:, ::2],
    "x[b]": X[X > 0],
    "x[:, p]": X[:, P],
    "x[i - 1, -1]": 3.0,
    "7 // 2": 3,
    "-7 % 3": 2,
    "2 ** -1": 0.5,
    "1 / 0": math.inf,
    "x ** 2": X**2,
    "p / 2": P.double() / 2,
    "not b": X <= 0,
    "b and x < 2": (X > 0) & (X < 2),
    "b or True": torch.ones(2, 3, dtype=torch.bool),
    "1 < 2 < 2": False,
    "-1 < x < 2": (X > -1) & (X < 2),
    "None is None": True,
    "x is None": False,
    "x is not None": True,
    "1 if i == 1 else nowhere": 1,
    "(1, *range(2))": (1, 0, 1),
    "b + b": (X > 0).long() * 2,
    "-b": -(X > 0).long(),
    "doubled(x)": X * 2,
    "op(x)": X * 2,
    "ref.doubled(x)": X * 3,
    "map(lambda a: a + 1, (1, 2))": (2, 3),
    "map(lambda a, c: a * c, (1, 2), (3, 4))": (3, 8),
    "map(lambda *a: a, (1, 2), (3, 4))": ((1, 3), (2, 4)),
    "fold(lambda a, c: a - c, (9, 2, 3))": 4,
    "fold(lambda a, c: a + c, (2, 3), 10)": 15,
    "map(doubled, (x, y))": (X * 2, X * 2 + 2),
    "growth(lambda n: 5 * n ** 3, (2, 4, 8, 16))": 3.0,
    "grad(sum(doubled(x) * x), x)": 4 * X,
    "vjp(doubled(x), x, y)": 2 * (X + 1),
    "grad(sum(x * y), x, y)": (X + 1, X),
    "edit(x[..., 1:], 7)[0]": torch.tensor([1.0, 7.0, 7.0]),
    "mutated(op(x))": "mutated",
    "dtype(op(x))": "dtype",
    "contiguous((x, 3))": (X, 3),
    "swapped((x, 3))": (X, 3),
    "state_changed(op(x))": "state_changed",
    "repeats(op(x))": "repeats",
    "kept(op(x))": "kept",
    "renewed(op(x))": "renewed",
    "well_formed(op(x))": "well_formed",
    "margins_written(op(x))": "margins_written",
}


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b)
    elif isinstance(expected, (Tensor, float)) and not isinstance(found, str):
        wanted = torch.as_tensor(expected, dtype=torch.float64)
        given = torch.as_tensor(found, dtype=torch.float64)
        torch.testing.assert_close(given, wanted, rtol=1e-12, atol=1e-12)
    else:
        assert found == expected


@pytest.mark.parametrize("text", FUNCTIONS)
def test_functions(text: str) -> None:
    assert_same(law(text), FUNCTIONS[text])


@pytest.mark.parametrize("text", LANGUAGE)
def test_language_and_forms(text: str) -> None:
    assert_same(law(text), LANGUAGE[text])


def test_every_function_has_an_example() -> None:
    used = {name for name in FUNCTION_NAMES for text in FUNCTIONS if f"{name}(" in text}
    assert used == FUNCTION_NAMES


def test_names_are_implemented_and_implementations_are_named() -> None:
    assert set(vocabulary.FUNCTIONS) == FUNCTION_NAMES
    assert set(vocabulary.CONSTANTS) == CONSTANT_NAMES
    assert set(FORM_WORDS) == FORM_NAMES
    verdicts = {name.removeprefix("_form_") for name in vars(LawRun) if name.startswith("_form_")}
    assert verdicts == BEYOND_VALUES
    # normal and uniform are read by `follows`, they have no value of their own.
    assert set(module.FORMS) | verdicts | {"normal", "uniform"} == FORM_NAMES
    assert set(module.FORMS) & verdicts == set()
    assert FUNCTION_NAMES | FORM_NAMES | CONSTANT_NAMES == LAW_NAMES


def test_everything_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    rows = vocabulary.describe()
    assert {name for _, name, _ in rows} == LAW_NAMES
    for _, name, words in rows:
        assert words.strip(), name
    explain_command(None, vocabulary=True)
    printed = {line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert printed == LAW_NAMES


def test_options_are_passed_on_and_explicit_ones_win() -> None:
    caller = FakeCaller()
    law("doubled(x, scale=3, **options)", caller)
    law("doubled(x, **options)", caller)
    assert caller.seen == [{"scale": 3}, {"scale": 2.0}]


@pytest.mark.parametrize(
    "text", ["0.1 * n", "n * 0.1", "n / 10", "n ** 0.5 * 0 + 0.1", "max(n, 1.5) - 1.4"]
)
def test_integers_that_meet_a_float_become_float64(text: str) -> None:
    value = law(text, n=torch.tensor([1]))
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["codes - 127", "-127 + codes", "0 - (127 - codes)", "-codes + 2 * codes - 127"]
)
def test_bytes_do_not_wrap(text: str) -> None:
    codes = torch.tensor([0, 127, 254], dtype=torch.uint8)
    assert law(text, codes=codes).tolist() == [-127, 0, 127]


def test_edit_copies() -> None:
    before = X.clone()
    law("edit(x[0], 9)")
    assert torch.equal(X, before)


def test_lets_are_lazy_and_made_once() -> None:
    caller = FakeCaller()
    assert_same(law("z + z", caller, {"z": "sum(doubled(x))", "never": "nowhere"}), 4 * X.sum())
    assert len(caller.seen) == 1


def test_gradients_go_through_lets() -> None:
    assert_same(law("grad(z, x)", lets={"z": "sum(x * x)"}), 2 * X)


def test_operators_shadow_functions_and_draws_shadow_both() -> None:
    assert law("norm", norm=3) == 3
    assert_same(law("e", e=5), 5)


def test_batch_elements_are_narrowed_by_their_axis() -> None:
    names = {
        "_batch_axes": {"x": 1, "mask": 0},
        "_input_names": ("x",),
        "_result_axes": (0,),
        "mask": torch.tensor([True, False]),
    }
    assert_same(law("batch_element(inputs, 2)", **names), (X[:, 2:],))
    assert_same(law("batch_element(doubled(x), 1)", **names), 2 * X[1:])
    assert_same(law("batch_reversed(inputs)", **names), (X.flip(1),))
    assert_same(law("batch_reversed(doubled(x))", **names), 2 * X.flip(0))
    narrowed = law(
        "batch_element(options, 1)", **{**names, "options": {"mask": names["mask"], "s": 2}}
    )
    assert narrowed["mask"].tolist() == [False]
    assert narrowed["s"] == 2


def test_errors_name_the_form() -> None:
    for text, words in {
        "grad(sum(x), x + 1)": "drawn tensor input",
        "edit(x, 1)": r"x\[region\]",
        "map(lambda a: a, (1,), (2,), (3,))": "lambda of 1 parameters",
        "depends(x, x)": "unknown name",
        "nosuch(x)": "unknown name 'nosuch'",
        "i(3)": "no function",
    }.items():
        with pytest.raises(LawError, match=words):
            law(text)


def test_an_operator_is_explained_with_its_conventions_and_accuracy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explain_command("attention", vocabulary=False)
    told = capsys.readouterr().out
    assert "convention causal: bottom_right | top_left" in told
    assert "convention rope_pairing" not in told
    assert "as eager PyTorch does" in told
    assert "accuracy: A row with hidden keys" in told


def test_an_operator_is_explained_with_its_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    explain_command("nf4_dequantize", vocabulary=False)
    lines = capsys.readouterr().out.splitlines()
    assert "input codes[n]: uint8" in lines
    assert "result[n]: float32 or float64" in lines
    explain_command("gated_cross_attention", vocabulary=False)
    assert "input visual[B, M, V]" in capsys.readouterr().out.splitlines()
