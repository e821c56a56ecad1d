"""A recorded case as a standalone script: PyTorch and the target only, every value written out."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from conform.commands.replay import Replayed
from conform.judge.sampling import as_tuple
from conform.run.material import Sublayer
from conform.run.oracle import Oracle
from conform.target.claims import OperatorClaim
from conform.target.ref import TargetKind, TargetRef
from conform.work.callables import linear_weight
from conform.work.flat import flat
from conform.work.layout import swap_heads_and_length, to_target_layout
from conform.work.named import pairs
from conform.work.passing import usual_cotangent
from conform.work.protocol import (
    Arg,
    ArgKey,
    CallableArg,
    CallRequest,
    NamedArg,
    ScalarArg,
    TensorArg,
)

WRITTEN_OUT = 200  # elements; larger tensors are written as base64 of their bytes
MOST_CALLS = 4  # a law may make many calls; the first ones show it
WIDTH = 96

_HEAD = '''"""{title}

{statement}
{law}
Recorded: {message}
Every input is written out below; nothing but torch and the target is needed.
"""

import base64
import importlib
import importlib.util
import sys
from math import inf, nan

import torch


def from_bytes(dtype, text):
    data = bytearray(base64.b64decode("".join(text.split())))
    return torch.frombuffer(data, dtype=dtype)


def show(name, actual, expected):
    print(name)
    print("  actual  ", actual)
    print("  expected", expected)
    if isinstance(actual, torch.Tensor) and actual.shape == expected.shape:
        error = (actual.detach().cpu().double() - expected.double()).abs()
        print("  largest error", error.max().item() if error.numel() else 0.0)

'''


def write_snippet(found: Replayed) -> str:
    """The script's text, for the calls that the law made on the recorded case."""
    recorded = found.recorded
    law = recorded.law
    if not found.calls:
        message = found.trial.message or "the law made no call"
        return f'"""{_safe(law.id)}: no call of the target is made here: {_safe(message)}"""\n'
    about = f"Law: {law.spec.law}" if law.kind == "law" else "Held against the reference."
    head = _HEAD.format(
        title=_safe(f"{law.id} on {found.session.name} in {recorded.dtype}"),
        statement=_safe(law.spec.statement),
        law=_safe(about),
        message=_safe(found.trial.message.split("\n")[0] or "the law holds now"),
    )
    parts = [head, _importing(found.ref)]
    shown = found.calls[:MOST_CALLS]
    for number, (request, _) in enumerate(shown, start=1):
        claim = found.session.claims[request.operator]
        oracle = found.session.oracle(request.operator)
        parts.append(_call(number, request, claim, oracle, recorded.dtype, found.session.device))
    if len(found.calls) > len(shown):
        parts.append(f"# the law makes {len(found.calls) - len(shown)} further calls")
    return "\n".join(parts)


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _importing(ref: TargetRef) -> str:
    if ref.kind is TargetKind.FILE and not ref.location.endswith("__init__.py"):
        lines = [
            f"spec = importlib.util.spec_from_file_location({ref.name!r}, {ref.location!r})",
            "target = importlib.util.module_from_spec(spec)",
            f"sys.modules[{ref.name!r}] = target",
            "spec.loader.exec_module(target)",
        ]
    elif ref.kind is TargetKind.FILE:
        package = ref.location.removesuffix("/__init__.py")
        folder, _, name = package.rpartition("/")
        lines = [f"sys.path.insert(0, {folder!r})", f"target = importlib.import_module({name!r})"]
    else:
        lines = [f"target = importlib.import_module({ref.location!r})"]
        if ref.folder:
            lines.insert(0, f"sys.path.insert(0, {ref.folder!r})")
    return "\n".join(lines)


def _call(
    number: int, request: CallRequest, claim: OperatorClaim, oracle: Oracle, dtype: str, device: str
) -> str:
    spec = oracle.operator.spec
    names: dict[ArgKey, str] = {i: f"{name}_{number}" for i, name in enumerate(spec.inputs)}
    names.update({key: f"{key}_{number}" for key in request.options})
    handed = to_target_layout(request, claim.layout)
    lines = ["", f"# call {number}: {request.operator}"]
    for key, arg in handed.named_args().items():
        lines.append(f"{names[key]} = {_argument(arg, device, key in request.wrt)}")
    passed = [names[i] for i in range(len(request.args))]
    passed += [f"{claim.renames.get(key, key)}={names[key]}" for key in request.options]
    lines.append(f"results = {_function(claim.function)}({', '.join(passed)})")
    lines.append("results = results if isinstance(results, (tuple, list)) else (results,)")
    if claim.layout != "BHLD":
        for i in request.head_major_results:
            lines.append(
                f"results = tuple(x.transpose(1, 2) if i == {i} else x "
                "for i, x in enumerate(results))"
            )
    lines.extend(_expectations(number, request, claim, oracle, dtype))
    if request.wrt:
        lines.extend(_gradients(request, names, claim, oracle, dtype, device))
    return "\n".join(lines)


def _function(path: str) -> str:
    module, _, name = path.rpartition(":")
    return f"importlib.import_module({module!r}).{name}" if module else f"target.{name}"


def _expectations(
    number: int, request: CallRequest, claim: OperatorClaim, oracle: Oracle, dtype: str
) -> list[str]:
    """What the reference gives now, in float64; an error of the reference as a comment."""
    args, options = _given(request, claim)
    try:
        outputs = as_tuple(oracle(args, options, dtype))
    except Exception as error:  # noqa: BLE001 - an illegal call may fail in any way
        return [
            f"# the reference refuses this call: {type(error).__name__}: "
            + str(error).replace("\n", " "),
            "print(results)",
        ]
    lines = []
    for i, value in enumerate(outputs):
        name = request.operator if len(outputs) == 1 else f"{request.operator}, result {i}"
        lines.append(f"show({name + f', call {number}'!r}, results[{i}], {_literal(value)})")
    return lines


def _gradients(
    request: CallRequest,
    names: Mapping[ArgKey, str],
    claim: OperatorClaim,
    oracle: Oracle,
    dtype: str,
    device: str,
) -> list[str]:
    args, options = _given(request, claim)
    if request.cotangents is None:
        floats = [y for y in as_tuple(oracle(args, options, dtype)) if y.is_floating_point()]
        rounded = [y.to(getattr(torch, dtype)) for y in floats]
        cotangents = tuple(usual_cotangent(request, y).to(torch.float64) for y in rounded)
        passed = f"[c.to(x) for c, x in zip([{', '.join(map(_literal, cotangents))}], floats)]"
    else:
        cotangents = tuple(c.view().to(torch.float64) for c in request.cotangents)
        passed = f"[{', '.join(_argument(c, device, False) for c in request.cotangents)}]"
    truth = oracle.gradient_truth(args, options, dtype, 0, request.wrt, cotangents)
    leaves = ", ".join(names[key] for key in request.wrt)
    lines = [
        "floats = [x for x in results if x.is_floating_point()]",
        f"cotangents = {passed}",
        f"gradients = torch.autograd.grad(floats, [{leaves}], cotangents, allow_unused=True)",
    ]
    for i, (key, want) in enumerate(zip(request.wrt, truth.exact.outputs, strict=True)):
        swapped = claim.layout != "BHLD" and key in request.head_major
        want = swap_heads_and_length(want) if swapped else want
        lines.append(f"show({f'gradient of {names[key]}'!r}, gradients[{i}], {_literal(want)})")
    return lines


def _given(request: CallRequest, claim: OperatorClaim) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The oracle's arguments: float64 images of the request's, and the target's fixed options."""
    options = {name: _image(arg) for name, arg in request.options.items()}
    fixed = {name: value for name, value in claim.fixed.items() if name not in options}
    return tuple(_image(arg) for arg in request.args), {**fixed, **options}


def _image(arg: Arg) -> Any:
    if isinstance(arg, TensorArg):
        view = arg.view()
        return view.to(torch.float64) if view.is_floating_point() else view.clone()
    if isinstance(arg, CallableArg):
        return Sublayer(arg.name, arg.width, arg.seed)
    if isinstance(arg, NamedArg):
        return pairs(arg.names)
    return arg.value


def _argument(arg: Arg, device: str, leaf: bool) -> str:
    if isinstance(arg, ScalarArg):
        return repr(arg.value)
    if isinstance(arg, CallableArg):
        return _callable(arg)
    if isinstance(arg, NamedArg):
        return f"[(name, torch.zeros(2)) for name in {list(arg.names)}]"
    text = f"{_literal(arg.storage)}{_on(device)}"
    plain = TensorArg.of(arg.view())
    if (plain.strides, arg.offset, plain.storage.numel()) == (arg.strides, 0, arg.storage.numel()):
        if len(arg.shape) != 1:
            text += f".reshape({arg.shape})"
    else:
        text += f".as_strided({arg.shape}, {arg.strides}, {arg.offset})"
    return f"{text}.detach().requires_grad_()" if leaf else text


def _callable(arg: CallableArg) -> str:
    simple = {
        "identity": "lambda x: x",
        "zero": "lambda x: x * 0",
        "tanh": "torch.tanh",
        "previous": "lambda x: x.roll(1, -2)",
    }
    if arg.name in simple:
        return simple[arg.name]
    weight = _literal(linear_weight(arg.width, arg.seed))
    return f"lambda x, weight={weight}: x @ weight.to(device=x.device, dtype=x.dtype)"


def _on(device: str) -> str:
    return "" if device == "cpu" else f".to({device!r})"


def _literal(value: Any) -> str:
    """Python text that makes the value, exactly."""
    if not isinstance(value, torch.Tensor):
        return repr(value)
    if value.numel() <= WRITTEN_OUT:
        text = f"torch.tensor({_wrapped(str(value.tolist()))}, dtype={value.dtype})"
        # Nested empty lists lose the sizes behind the empty one.
        return text if value.numel() else f"{text}.reshape({tuple(value.shape)})"
    stored = flat(value.detach().contiguous()).view(torch.uint8)
    data = base64.b64encode(stored.numpy().tobytes()).decode()
    lines = "\n".join(data[i : i + WIDTH] for i in range(0, len(data), WIDTH))
    text = f'from_bytes({value.dtype}, """\n{lines}\n""")'
    return text if value.dim() == 1 else f"{text}.reshape({tuple(value.shape)})"


def _wrapped(text: str) -> str:
    """A list's text in lines of at most WIDTH characters, broken after commas."""
    lines: list[str] = [""]
    for part in _pieces(text):
        if len(lines[-1]) + len(part) > WIDTH and lines[-1]:
            lines.append("")
        lines[-1] += part if lines[-1] else part.lstrip()
    return "\n    ".join(lines)


def _pieces(text: str) -> Iterable[str]:
    parts = text.split(",")
    return [f"{part}," for part in parts[:-1]] + parts[-1:]
