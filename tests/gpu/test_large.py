"""Large shapes on a GPU, against float32 in chunks: `pytest tests/gpu`; skipped without one.

Sequences of 16384, offsets past 2^31 elements, rows of 262144. The bounds are those of
`conform bench`: a rounding of each probability, and of each result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

from conform.bench import trusted
from conform.bench.timing import Expected, wrong

GIB = 1 << 30
FAR = 1 << 31
HALF = 2.0**-8

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not torch.cuda.is_available(),
        reason="large shapes need a GPU: torch finds no CUDA device here",
    ),
]


def needs(gib: int) -> None:
    """Skip, and say so, where the GPU is too small for a case."""
    free = torch.cuda.mem_get_info()[0]
    if free < gib * GIB:
        pytest.skip(f"needs {gib} GiB of free GPU memory; {free / GIB:.0f} are free")


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator("cuda").manual_seed(seed)
    out = torch.empty(shape, dtype=torch.bfloat16, device="cuda")
    # Row by row of the first dimension: float32 of all would take twice the memory.
    for part in out if out.dim() > 1 else [out]:
        part.copy_(torch.randn(part.shape, generator=generator, device="cuda"))
    return out


def holds(outputs: tuple[Tensor, ...], expected: tuple[Expected, ...]) -> None:
    said = wrong(outputs, expected)
    assert not said, said


def _kernel(name: str) -> Callable[..., Tensor]:
    from importlib import import_module

    function: Callable[..., Tensor] = getattr(import_module(f"conform_kernels.{name}"), name)
    return function


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("heads", "kv", "size"), [(4, 4, 128), (8, 2, 64), (2, 2, 256)])
def test_attention_of_a_long_sequence(causal: bool, heads: int, kv: int, size: int) -> None:
    """16384 positions, forward and backward."""
    needs(24)
    length = 16384
    inputs = {
        name: normal(1, heads if name in ("q", "up") else kv, length, size, seed=seed)
        for seed, name in enumerate(("q", "k", "v", "up"))
    }
    leaves = [inputs[name].clone().requires_grad_() for name in ("q", "k", "v")]
    o = _kernel("attention")(*leaves, causal=causal)
    holds((o.detach(),), trusted.attention(inputs, causal))
    gradients = torch.autograd.grad([o], leaves, [inputs["up"]])
    holds(gradients, trusted.attention_gradients(inputs, causal))


def test_attention_with_outputs_past_2_31() -> None:
    """B H L D = 2^31 + 2^24: the last head lies beyond what 32 bits can count."""
    needs(40)
    heads, length, size = 1032, 16384, 128
    q = normal(1, heads, length, size)
    kv = normal(1, 1, 256, size, seed=1)
    o = _kernel("attention")(q, kv, kv)
    assert o.numel() > FAR
    for head in (0, 1023, 1024, heads - 1):
        inputs = {"q": q[:, head : head + 1], "k": kv, "v": kv}
        holds((o[:, head : head + 1],), trusted.attention(inputs, False))


def test_decode_over_a_cache_past_2_31() -> None:
    needs(24)
    batch, kv, capacity, size = 17, 8, 131072, 128
    cache = normal(batch, kv, capacity, size)
    assert cache.numel() > FAR
    q = normal(batch, 32, 1, size, seed=1)
    lengths = torch.full((batch,), capacity, dtype=torch.int64, device="cuda")
    o = _kernel("decode_attention")(q, cache, cache, lengths)
    for b in (0, batch - 1):
        one = {name: t[b : b + 1] for name, t in (("q", q), ("k", cache), ("v", cache))}
        holds((o[b : b + 1],), trusted.attention(one, False))


ROWS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": partial(torch.softmax, dim=-1),
    "rms_norm": lambda x: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6),
    "layer_norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    "gelu": torch.nn.functional.gelu,
    "swish": torch.nn.functional.silu,
}


def by_rows(name: str, x: Tensor) -> Tensor:
    ones, zeros = (
        make(x.shape[-1], device="cuda").bfloat16() for make in (torch.ones, torch.zeros)
    )
    more = {"rms_norm": (ones,), "layer_norm": (ones, zeros)}.get(name, ())
    return _kernel(name)(x, *more)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("shape", [(64, 262144), (524800, 4096)])
def test_long_rows_and_many(name: str, shape: tuple[int, int]) -> None:
    """Rows of 262144; more than 2^31 elements, of which the first and last rows are looked at."""
    needs(20)
    x = normal(*shape)
    y = by_rows(name, x)
    for rows in (slice(0, 8), slice(shape[0] - 8, shape[0])):
        true = trusted.near(ROWS[name](x[rows].float()), HALF, own=1.0, around=2.0**-6)
        holds((y[rows],), (true,))


@pytest.mark.parametrize("name", ["softmax", "rms_norm", "gelu"])
def test_gradients_past_2_31(name: str) -> None:
    needs(40)
    shape = (524800, 4096)
    x, up = normal(*shape).requires_grad_(), normal(*shape, seed=1)
    (gradient,) = torch.autograd.grad([by_rows(name, x)], [x], [up])
    for rows in (slice(0, 8), slice(shape[0] - 8, shape[0])):
        part = x[rows].detach().float().requires_grad_()
        (true,) = torch.autograd.grad([ROWS[name](part)], [part], [up[rows].float()])
        holds((gradient[rows],), (trusted.near(true, HALF, own=2.0, around=1.0),))


def test_loss_over_logits_past_2_31() -> None:
    """Forward and backward, row by row of the batch."""
    needs(24)
    batch, length, words = 8, 2112, 128256
    logits = normal(batch, length, words).requires_grad_()
    assert logits.numel() > FAR
    generator = torch.Generator("cuda").manual_seed(2)
    tokens = torch.randint(0, words, (batch, length), generator=generator, device="cuda")
    loss = _kernel("language_model_loss")(logits, tokens)
    (gradient,) = torch.autograd.grad([loss], [logits])
    total, count = torch.zeros((), device="cuda"), batch * (length - 1)
    for b in range(batch):
        part = logits[b].detach().float().requires_grad_()
        one = torch.nn.functional.cross_entropy(part[:-1], tokens[b, 1:], reduction="sum") / count
        (true,) = torch.autograd.grad([one], [part])
        total += one.detach()
        holds((gradient[b],), (trusted.near(true, HALF, own=1.0, around=2.0**-4),))
    holds((loss.detach(),), (trusted.near(total, 2.0**-18, own=1.0, around=0.0),))


def test_rope_past_2_31() -> None:
    needs(20)
    batch, heads, length, size = 3, 350, 16384, 128
    x = normal(batch, heads, length, size)
    assert x.numel() > FAR
    positions = torch.arange(length, device="cuda")
    y = _kernel("rope")(x, positions)
    from conform_reference.position import rope

    for b, head in ((0, 0), (batch - 1, heads - 1)):
        true = rope(x[b : b + 1, head : head + 1].float(), positions)
        holds((y[b : b + 1, head : head + 1],), (trusted.near(true, HALF, own=1.0, around=0.01),))
