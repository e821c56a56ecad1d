"""What a user would pick instead: torch in its flavours, and libraries where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from conform.bench.device import Outputs
from conform.bench.timing import Case, Competitor, Inputs, Run, Unavailable

Plain = Callable[..., torch.Tensor]


def competitors(operator: str) -> tuple[Competitor, ...]:
    """Those that offer this operator; whether one is installed, its own `make` finds out."""
    eager = _EAGER[operator]
    return (
        *_MORE.get(operator, ()),
        Competitor("torch.compile", partial(_compiled, eager)),
        Competitor("eager", partial(_plain, eager)),
    )


def _called(function: Plain, case: Case, inputs: Inputs) -> Outputs:
    found = function(*(inputs[name] for name in case.arguments), **case.options)
    return found if isinstance(found, tuple) else (found,)


def _plain(function: Plain, case: Case) -> Run:
    return partial(_called, function, case)


def _compiled(function: Plain, case: Case) -> Run:
    torch._dynamo.reset()
    return _plain(torch.compile(function, dynamic=False), case)


def _library(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"{module}.{name}: {error}") from None


# Eager PyTorch, as models are written.


def _attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, causal: bool = False
) -> torch.Tensor:
    group = q.shape[1] // k.shape[1]
    if group > 1:
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if causal:
        ones = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device)
        scores = scores.masked_fill(ones.triu(1), float("-inf"))
    mixed: torch.Tensor = scores.softmax(-1, dtype=torch.float32).to(v.dtype) @ v
    return mixed


def _decode(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    batch, heads, _, size = q.shape
    grouped = q.view(batch, k.shape[1], -1, size)
    scores = grouped @ k.transpose(-1, -2) * size**-0.5
    hidden = torch.arange(k.shape[2], device=q.device) >= lengths[:, None, None, None]
    p = scores.masked_fill(hidden, float("-inf")).softmax(-1, dtype=torch.float32)
    mixed: torch.Tensor = p.to(v.dtype) @ v
    return mixed.view(batch, heads, 1, size)


def _rms_norm(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * gamma


def _layer_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-5)


def _add_rms_norm(
    x: torch.Tensor, residual: torch.Tensor, gamma: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    total = x + residual
    return _rms_norm(total, gamma), total


def _glu(x: torch.Tensor, W: torch.Tensor, V: torch.Tensor, W2: torch.Tensor) -> torch.Tensor:
    return (F.silu(x @ W) * (x @ V)) @ W2


def _rope(x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    cos, sin = _tables(x, positions)
    first, second = x.float().chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)


def _tables(x: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    half = x.shape[-1] // 2
    pair = torch.arange(half, device=x.device, dtype=torch.float32)
    angle = positions.float()[:, None] * 10000.0 ** (-pair / half)
    return angle.cos(), angle.sin()


def _loss(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:].flatten())


def _linear_loss(x: torch.Tensor, weight: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return _loss(x @ weight.T, tokens)


_EAGER: dict[str, Callable[..., Any]] = {
    "attention": _attention,
    "decode_attention": _decode,
    "rms_norm": _rms_norm,
    "layer_norm": _layer_norm,
    "add_rms_norm": _add_rms_norm,
    "gelu": F.gelu,
    "swish": F.silu,
    "glu_feed_forward": _glu,
    "rope": _rope,
    "language_model_loss": _loss,
    "linear_language_model_loss": _linear_loss,
}


# torch's fused attention.


def _sdpa(backend: SDPBackend, case: Case) -> Run:
    def run(inputs: Inputs) -> Outputs:
        q, k, v = (inputs[name] for name in ("q", "k", "v"))
        with sdpa_kernel(backend):
            return (
                F.scaled_dot_product_attention(
                    q, k, v, is_causal=bool(case.options.get("causal", False)),
                    enable_gqa=q.shape[1] != k.shape[1],
                ),
            )  # fmt: skip

    return run


def _flex(case: Case) -> Run:
    flex = _library("torch.nn.attention.flex_attention", "flex_attention")
    create = _library("torch.nn.attention.flex_attention", "create_block_mask")
    torch._dynamo.reset()
    compiled = torch.compile(flex, dynamic=False)
    masks: dict[tuple[int, int], Any] = {}

    def run(inputs: Inputs) -> Outputs:
        q, k, v = (inputs[name] for name in ("q", "k", "v"))
        mask = None
        if case.options.get("causal"):
            size = (q.shape[2], k.shape[2])
            # The mask is made once for a shape, as a model would.
            if size not in masks:
                masks[size] = create(lambda b, h, i, j: i >= j, None, None, *size, device=q.device)
            mask = masks[size]
        return (compiled(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1]),)  # type: ignore[no-untyped-call]

    return run


# Libraries.


def _by(module: str, name: str, call: Callable[[Any, Inputs], Any], case: Case) -> Run:
    function = _library(module, name)

    def run(inputs: Inputs) -> Outputs:
        found = call(function, inputs)
        return found if isinstance(found, tuple) else (found,)

    return run


def _liger(name: str, call: Callable[[Any, Inputs], Any]) -> Competitor:
    return Competitor("liger", partial(_by, "liger_kernel.transformers.functional", name, call))


def _fla(name: str, call: Callable[[Any, Inputs], Any]) -> Competitor:
    module = "fla.modules.layernorm"
    return Competitor("flash-linear-attention", partial(_by, module, name, call))


def _torch(call: Callable[[Inputs], torch.Tensor]) -> Competitor:
    return Competitor("torch.nn.functional", lambda case: lambda inputs: (call(inputs),))


def _shifted(x: Inputs) -> torch.Tensor:
    return x["tokens"][:, 1:].flatten()


_FUSED_ATTENTION = (
    Competitor("sdpa flash", partial(_sdpa, SDPBackend.FLASH_ATTENTION)),
    Competitor("sdpa cudnn", partial(_sdpa, SDPBackend.CUDNN_ATTENTION)),
    Competitor("sdpa efficient", partial(_sdpa, SDPBackend.EFFICIENT_ATTENTION)),
    Competitor("sdpa math", partial(_sdpa, SDPBackend.MATH)),
    Competitor("flex", _flex),
)

_MORE: Mapping[str, tuple[Competitor, ...]] = {
    "attention": _FUSED_ATTENTION,
    "decode_attention": _FUSED_ATTENTION,
    "rms_norm": (
        _torch(lambda x: F.rms_norm(x["x"], x["x"].shape[-1:], x["gamma"], 1e-6)),
        _liger("liger_rms_norm", lambda f, x: f(x["x"], x["gamma"], 1e-6, in_place=False)),
        _fla("rms_norm", lambda f, x: f(x["x"], x["gamma"], None, eps=1e-6)),
    ),
    "layer_norm": (
        _liger("liger_layer_norm", lambda f, x: f(x["x"], x["gamma"], x["beta"], 1e-5)),
        _fla("layer_norm", lambda f, x: f(x["x"], x["gamma"], x["beta"], eps=1e-5)),
    ),
    "add_rms_norm": (
        _liger(
            "liger_fused_add_rms_norm",
            lambda f, x: f(x["x"], x["residual"], x["gamma"], 1e-6, in_place=False),
        ),
        _fla(
            "rms_norm",
            lambda f, x: f(x["x"], x["gamma"], None, residual=x["residual"], eps=1e-6,
                           prenorm=True),
        ),
    ),
    "glu_feed_forward": (
        _liger(
            "liger_swiglu", lambda f, x: f(x["x"] @ x["W"], x["x"] @ x["V"]) @ x["W2"]
        ),
    ),
    "language_model_loss": (
        _liger(
            "liger_cross_entropy",
            lambda f, x: f(x["logits"][:, :-1].flatten(0, 1), _shifted(x)),
        ),
    ),
    "linear_language_model_loss": (
        _liger(
            "liger_fused_linear_cross_entropy",
            lambda f, x: f(x["x"][:, :-1].flatten(0, 1), x["weight"], _shifted(x)),
        ),
    ),
}  # fmt: skip
