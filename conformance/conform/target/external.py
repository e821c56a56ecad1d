"""Targets in another process or language: JSON lines on stdin and stdout, tensors in safetensors.

The command is started in the worker and asked, one line each way:

    {"op": "describe", "protocol": "conform-exec/1"}
    {"name": "mine", "operators": {"softmax": {"options": []}}, "declaration": {"dtypes": [...]}}

    {"op": "call", "operator": "softmax", "args": [{"tensor": "a0"}], "options": {},
     "tensors": "/tmp/.../in.safetensors", "out": "/tmp/.../out.safetensors"}
    {"results": [{"tensor": "r0"}]}            tensors by name in the file `out`; or numbers
    {"refused": "why"}                         for a legal case that it does not support
    {"error": {"type": "ValueError", "message": "..."}}

With `"vjp": true` in an operator's description the same call with `"op": "vjp"`, `"wrt": [0]` and
`"cotangents": [{"tensor": "c0"}]` asks for `{"gradients": [{"tensor": "g0"}]}`.
`declaration` is what a Python target writes as CONFORM. What it prints on stderr is shown.
"""

from __future__ import annotations

import atexit
import ctypes
import inspect
import json
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from conform.errors import ConformError
from conform.target.ref import TargetRef

PROTOCOL = "conform-exec/1"
Message = dict[str, Any]


class ExternalError(RuntimeError):
    """An error that the external target reported, or an answer that is none."""


class External:
    """One running command."""

    def __init__(self, ref: TargetRef) -> None:
        self._ref = ref
        self._folder = tempfile.TemporaryDirectory(prefix="conform-exec-")
        try:
            self._process = subprocess.Popen(
                shlex.split(ref.location),
                cwd=ref.folder or None,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=_die_with_parent,
            )
        except (OSError, ValueError) as error:
            raise ConformError(
                "target-exec", f"cannot start {ref.location!r}: {error}", where=ref.text
            ) from None
        atexit.register(self._process.kill)

    def ask(self, message: Message) -> Message:
        """One line there, one line back. Raises ExternalError when there is no JSON object."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        if pipe_in is None or pipe_out is None:
            raise ExternalError("the command has no pipes")
        try:
            pipe_in.write(json.dumps(message) + "\n")
            pipe_in.flush()
            line = pipe_out.readline()
        except OSError as error:
            line = ""
            reason = str(error)
        else:
            reason = "it closed its output"
        if not line:
            code = self._process.poll()
            raise ExternalError(f"the command does not answer: {reason} (exit status {code})")
        try:
            answer = json.loads(line)
        except json.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise ExternalError(f"expected a JSON object on one line, got {line[:200]!r}")
        return answer

    def call(
        self,
        operator: str,
        args: Sequence[Any],
        options: Message,
        extra: Message | None = None,
        tensors: dict[str, torch.Tensor] | None = None,
    ) -> tuple[Message, dict[str, torch.Tensor]]:
        """A call's answer and the tensors that came with it."""
        given = dict(tensors or {})
        folder = Path(self._folder.name)
        out = folder / "out.safetensors"
        out.unlink(missing_ok=True)
        message: Message = {
            "op": "call",
            "operator": operator,
            "args": [_pack(f"a{i}", x, given) for i, x in enumerate(args)],
            "options": {k: _pack(f"o.{k}", x, given) for k, x in options.items()},
            "tensors": str(folder / "in.safetensors"),
            "out": str(out),
            **(extra or {}),
        }
        save_file(given, message["tensors"])
        answer = self.ask(message)
        if "refused" in answer:
            raise NotImplementedError(str(answer["refused"]))
        if "error" in answer:
            _raise(answer["error"])
        return answer, load_file(out) if out.exists() else {}


def import_external(ref: TargetRef) -> ModuleType:
    """A module whose functions ask the command. Raises ConformError `target-exec`."""
    external = External(ref)
    try:
        about = external.ask({"op": "describe", "protocol": PROTOCOL})
        operators = about["operators"].items()
        module = ModuleType(f"conform_exec_{ref.name.replace('-', '_')}")
        declared = {"name": about.get("name", ref.name), **about.get("declaration", {})}
        module.__dict__["CONFORM"] = declared
        for name, described in operators:
            module.__dict__[name] = _function(external, name, described)
    except (ExternalError, KeyError, AttributeError, TypeError) as error:
        raise ConformError(
            "target-exec",
            f"the command does not describe itself: {error}",
            hint=f"the protocol {PROTOCOL} is in conform/target/external.py",
            where=ref.text,
        ) from None
    sys.modules[module.__name__] = module
    return module


def _function(external: External, name: str, described: Message) -> Callable[..., Any]:
    options = tuple(described.get("options", ()))

    def operator(*args: Any, **given: Any) -> Any:
        if described.get("vjp"):
            return _with_gradient(external, name, args, given)
        return _results(*external.call(name, args, given))

    kinds = inspect.Parameter
    inputs = [kinds("args", kinds.VAR_POSITIONAL)]
    keywords = [kinds(item, kinds.KEYWORD_ONLY, default=None) for item in options]
    operator.__signature__ = inspect.Signature([*inputs, *keywords])  # type: ignore[attr-defined]
    operator.__name__ = name
    operator.__module__ = f"conform_exec_{external._ref.name.replace('-', '_')}"
    return operator


def _with_gradient(external: External, name: str, args: Sequence[Any], options: Message) -> Any:
    keys: list[Any] = [*range(len(args)), *options]
    values = [*args, *options.values()]
    leaves = [
        key
        for key, x in zip(keys, values, strict=True)
        if isinstance(x, torch.Tensor) and x.requires_grad
    ]
    tensors = [x for key, x in zip(keys, values, strict=True) if key in leaves]
    call = (external, name, tuple(args), dict(options), leaves)
    return _Remote.apply(call, *tensors)  # type: ignore[no-untyped-call]


class _Remote(torch.autograd.Function):
    """A call whose backward is another call."""

    @staticmethod
    def forward(ctx: Any, call: Any, *leaves: torch.Tensor) -> Any:
        ctx.call = call
        external, name, args, options, _ = call
        return _results(*external.call(name, args, options))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        external, name, args, options, leaves = ctx.call
        given = {f"c{i}": c.detach().contiguous() for i, c in enumerate(cotangents)}
        extra = {"op": "vjp", "wrt": leaves, "cotangents": [{"tensor": key} for key in given]}
        answer, tensors = external.call(name, args, options, extra, given)
        return (None, *(_unpack(item, tensors) for item in answer["gradients"]))


def _pack(name: str, value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    tensors[name] = value.detach().cpu().contiguous().clone()
    return {"tensor": name}


def _unpack(item: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(item, dict):
        return item
    name = item.get("tensor")
    if name not in tensors:
        raise ExternalError(f"the answer names the tensor {name!r}; written were {list(tensors)}")
    return tensors[name]


def _results(answer: Message, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(answer.get("results"), list):
        raise ExternalError(f"the answer has no list of results: {list(answer)}")
    found = tuple(_unpack(item, tensors) for item in answer["results"])
    return found[0] if len(found) == 1 else found


def _raise(error: Message) -> None:
    kinds = {"ValueError": ValueError, "TypeError": TypeError}
    kind = kinds.get(str(error.get("type")), ExternalError)
    raise kind(str(error.get("message", error)))


def _die_with_parent() -> None:
    """A worker that is killed takes the command with it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
