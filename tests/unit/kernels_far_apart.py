"""A program: kernels on values that lie 2^31 elements apart. `test_kernels_offsets.py` runs it.

The buffers are larger than what is touched of them: memory is committed page by page, so that a
view over four gigabytes costs a few megabytes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

FAR = 1 << 31
GENERATOR = torch.Generator().manual_seed(0)


def far(x: Tensor, dim: int) -> Tensor:
    """The values of x in a buffer where the last index along `dim` lies 2^31 elements out.

    Its stride alone fits 32 bits: what must not be computed in 32 bits is the product.
    """
    strides, step = [0] * x.dim(), 1
    for at in reversed(range(x.dim())):
        if at != dim:
            strides[at], step = step, step * x.shape[at]
    strides[dim] = -(-FAR // (x.shape[dim] - 1))
    if not step <= strides[dim] < FAR:
        raise ValueError(f"shape={tuple(x.shape)}, dim={dim}: too few or too many indices")
    buffer = torch.empty(strides[dim] * (x.shape[dim] - 1) + step, dtype=x.dtype)
    return buffer.as_strided(x.shape, strides).copy_(x)


def results(function: Callable[..., Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The result, and where there are some the gradients, for a far-apart gradient of it."""
    leaves = [t.requires_grad_() for t in tensors if t.is_floating_point()]
    out = function(*tensors)
    if not out.requires_grad:
        return [out]
    up = torch.ones_like(out)
    if out.dim():
        up = far(up, max(range(out.dim()), key=lambda dim: out.shape[dim]))
    return [out.detach(), *torch.autograd.grad([out], leaves, [up])]


def check(
    function: Callable[..., Tensor],
    tensors: Sequence[Tensor],
    moved: Sequence[int],
    dims: Sequence[int],
) -> None:
    """Each of the `moved` tensors in turn, far apart along each of `dims`: the same bits."""
    for which in moved:
        for dim in dims:
            print(f"argument {which}, dim {dim}", flush=True)
            near = [t.detach().clone() for t in tensors]
            apart = [far(t, dim) if i == which else t.detach().clone() for i, t in enumerate(near)]
            pairs = zip(results(function, near), results(function, apart), strict=True)
            if not all(torch.equal(a, b) for a, b in pairs):
                raise SystemExit(f"argument {which}, dim {dim}: other bits")


def normal(*shape: int) -> Tensor:
    """bfloat16 values."""
    return torch.randn(shape, generator=GENERATOR).bfloat16()


def kernel(name: str) -> Callable[..., Tensor]:
    """A kernel's public face."""
    function: Callable[..., Tensor] = getattr(
        importlib.import_module(f"conform_kernels.{name}"), name
    )
    return function


def _first(name: str, *tensors: Tensor, **options: object) -> Tensor:
    return kernel(name)(*tensors, **options)[0]


def _varlen(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return kernel("attention_varlen")(q, k, v, torch.tensor([0, 5, 17]), torch.tensor([0, 7, 17]))


def _sparse(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    kept = torch.tensor([[True, False], [True, True]])
    return kernel("block_sparse_attention")(q, k, v, kept, block_size=16)


def _biased(q: Tensor, bias: Tensor) -> Tensor:
    return kernel("attention")(q, q, q, bias=bias)


def _decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return kernel("decode_attention")(q, k, v, torch.tensor([19, 19, 3]))


def _paged(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    table = torch.tensor([[1, 0], [2, 4], [3, 1]], dtype=torch.int32)
    lengths = torch.tensor([7, 8, 3], dtype=torch.int32)
    return kernel("paged_decode_attention")(q, k, v, table, lengths)


def _rope(x: Tensor) -> Tensor:
    return kernel("rope")(x, torch.arange(17), rotary_dim=12)


def _loss(logits: Tensor) -> Tensor:
    return kernel("language_model_loss")(logits, torch.arange(9).expand(3, 9))


def _linear_loss(x: Tensor, weight: Tensor) -> Tensor:
    return kernel("linear_language_model_loss")(x, weight, torch.arange(9).expand(3, 9))


def _embedding(table: Tensor) -> Tensor:
    return kernel("embedding")(torch.tensor([[1, 32, 5]]), table)


def _router(x: Tensor, gate: Tensor) -> Tensor:
    return kernel("router")(x, gate, top_k=2)[1]


def _merged(a: Tensor, b: Tensor) -> Tensor:
    return kernel("attention_merge")(a, torch.zeros(3, 17), b, torch.ones(3, 17))[0]


# name: (function, arguments' shapes, which arguments are moved, along which dims)
CASES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]], list[int], list[int]]] = {
    "attention": (
        partial(kernel("attention"), causal=True),
        [(3, 2, 17, 18), (3, 2, 19, 18), (3, 2, 19, 18)], [0, 1, 2], [0, 2, 3],
    ),
    "attention with a bias": (_biased, [(3, 3, 17, 16), (3, 3, 17, 17)], [1], [0, 1, 2, 3]),
    "attention_varlen": (_varlen, [(17, 3, 18)] * 3, [0, 1, 2], [0, 1, 2]),
    "block_sparse_attention": (_sparse, [(3, 2, 32, 18)] * 3, [0, 1], [0, 2, 3]),
    "linear_attention": (kernel("linear_attention"), [(3, 2, 17, 18)] * 3, [0, 1, 2], [0, 2, 3]),
    "decode_attention": (
        _decode, [(3, 4, 1, 18), (3, 2, 19, 18), (3, 2, 19, 18)], [1, 2], [0, 2, 3],
    ),
    "paged_decode_attention": (
        _paged, [(3, 4, 1, 18), (5, 4, 2, 18), (5, 4, 2, 18)], [1, 2], [0, 1, 3],
    ),
    "softmax": (kernel("softmax"), [(33, 130)], [0], [0, 1]),
    "softmax of whole rows": (kernel("softmax"), [(33, 60)], [0], [0, 1]),
    "rms_norm": (kernel("rms_norm"), [(33, 130), (130,)], [0], [0, 1]),
    "layer_norm": (kernel("layer_norm"), [(33, 60), (60,), (60,)], [0], [0, 1]),
    "add_rms_norm": (
        partial(_first, "add_rms_norm"), [(33, 60), (33, 60), (60,)], [0, 1], [0, 1],
    ),
    "gelu": (kernel("gelu"), [(33,)], [0], [0]),
    "rope": (_rope, [(3, 3, 17, 18)], [0], [0, 1, 2, 3]),
    "language_model_loss": (_loss, [(3, 9, 70)], [0], [0, 1, 2]),
    "linear_language_model_loss": (_linear_loss, [(3, 9, 18), (33, 18)], [1], [0, 1]),
    "embedding": (_embedding, [(33, 18)], [0], [0]),
    "lora_linear": (
        partial(kernel("lora_linear"), alpha=2.0), [(17, 33), (18, 33), (4, 33), (18, 4)],
        [0, 1], [0, 1],
    ),
    "router": (_router, [(17, 18), (18, 5)], [0, 1], [0, 1]),
    "patch_embed": (
        kernel("patch_embed"), [(3, 3, 8, 8), (17, 3, 4, 4), (17,)], [0], [0, 1, 2, 3],
    ),
    "attention_merge": (_merged, [(3, 17, 18)] * 2, [0, 1], [1, 2]),
}  # fmt: skip


def main() -> None:
    """Every case; what was begun last is the last line that is printed."""
    for name, (function, shapes, moved, dims) in CASES.items():
        print(name, end=", ", flush=True)
        check(function, [normal(*shape) for shape in shapes], moved, dims)
        print(name, end=" ", flush=True)
    print(f"\ndone: {len(CASES)}")


if __name__ == "__main__":
    sys.exit(main())
