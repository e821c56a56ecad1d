"""Every kernel with the arguments it is launched with, for compiling ahead of time, without a GPU.

`builds()` lists them; `compile_build(build, target)` compiles one, for instance for
`GPUTarget("cuda", 90, 32)` or `GPUTarget("hip", "gfx942", 64)`. Tiles, warps and stages are those
of `_config`. Needs a process in which kernels are compiled, not interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from conform_kernels import (
    _attention_backward,
    _attention_forward,
    _config,
    _elementwise,
    _norm,
    attention_merge,
    attention_varlen,
    block_sparse_attention,
    decode_attention,
    embedding,
    glu_feed_forward,
    language_model_loss,
    linear_attention,
    lora_linear,
    nf4_dequantize,
    rope,
    softmax,
)
from conform_kernels._interpreter import interpreting

# Arguments are written as examples: "*bf16" a pointer, 1 and None constants, an int a size (those
# divisible by 16 are specialised as Triton would), a float a float32, tuples as they are passed.
Argument = Any
_STRIDES = (1 << 20, 1 << 16, 128, 1)
_NONE = (0, 0, 0, 0)
_ITEMSIZE = {"*bf16": 2, "*fp16": 2, "*fp32": 4}
F = "*fp32"


@dataclass(frozen=True)
class Build:
    """One kernel, one set of constants."""

    name: str
    kernel: Any
    arguments: tuple[Argument, ...]
    constants: dict[str, Any]
    num_warps: int = 4
    num_stages: int = 3


def builds() -> tuple[Build, ...]:
    """Every kernel with every configuration that its launcher can choose."""
    found = (
        *_rows(), *_activations(), *_rotations(), *_attention_builds(), *_decoding(), *_linear(),
        *_lookups(), *_adapters(),
    )  # fmt: skip
    names = [build.name for build in found]
    if len(set(names)) != len(names):
        raise ValueError(f"names of builds are not unique: {sorted(names)}")
    return found


def compile_build(build: Build, target: GPUTarget) -> Any:
    """The compiled kernel: `.asm`, `.metadata.shared` and so on."""
    if interpreting():
        raise ValueError(
            "TRITON_INTERPRET=1; expected it unset: interpreted kernels do not compile"
        )
    signature: dict[str, Any] = {}
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    names = build.kernel.arg_names
    for index, argument in enumerate(build.arguments):
        signature[names[index]] = _typed(argument, (index,), constants, attributes)
    for name, value in build.constants.items():
        signature[name] = "constexpr"
        constants[(names.index(name),)] = value
    source = ASTSource(build.kernel, signature=signature, constexprs=constants, attrs=attributes)
    # AMD's pipeliner counts stages otherwise: two is what its own kernels use.
    stages = build.num_stages if target.backend == "cuda" else min(build.num_stages, 2)
    return triton.compile(
        source, target=target, options={"num_warps": build.num_warps, "num_stages": stages}
    )


def _typed(x: Argument, path: tuple[int, ...], constants: dict, attributes: dict) -> Any:
    if isinstance(x, tuple):
        return tuple(_typed(y, (*path, i), constants, attributes) for i, y in enumerate(x))
    if x is None or (x == 1 and isinstance(x, int)):
        constants[path] = x
        return "constexpr"
    if isinstance(x, float):
        return "fp32"
    if isinstance(x, str) or x % 16 == 0:
        attributes[path] = [["tt.divisibility", 16]]
    return x if isinstance(x, str) else "i32"


def _rows() -> Iterator[Build]:
    for columns in (64, 4096, 65536):
        tile = _config.row_tile(columns)
        size = {"ROWS": tile.rows, "COLS": tile.columns}
        whole = size | {"WHOLE": tile.whole}
        warps = tile.num_warps
        for p in ("*bf16", F):
            end = f"{columns}.{p[1:]}"
            flat = (columns, 1)
            yield Build(f"softmax.forward.{end}", softmax._forward, (p, p, 4096, columns, flat),
                        whole, warps)  # fmt: skip
            yield Build(f"softmax.backward.{end}", softmax._backward,
                        (p, p, p, 4096, columns, flat), size, warps)  # fmt: skip
            for centred in (False, True):
                name = "layer_norm" if centred else "rms_norm"
                constant = whole | {"CENTRED": centred}
                yield Build(f"{name}.forward.{end}", _norm.forward_kernel,
                            (p, p, p, p, F, F, 4096, columns, 1e-5, flat), constant,
                            warps)  # fmt: skip
                kernel = _norm.backward_whole_kernel if tile.whole else _norm.backward_long_kernel
                yield Build(f"{name}.backward.{end}", kernel,
                            (p, p, p, F, F, p, F, F, 4096, columns, flat * 2),
                            size | {"CENTRED": centred}, warps)  # fmt: skip
    tile = _config.row_tile(32000)
    size = {"ROWS": tile.rows, "COLS": tile.columns}
    for name, kernel in (("forward", language_model_loss._forward),
                         ("backward", language_model_loss._backward)):  # fmt: skip
        between = (F, F) if name == "forward" else (F, F, "*bf16")
        yield Build(f"language_model_loss.{name}", kernel,
                    ("*bf16", "*i64", *between, 4096, 32000, 7, _STRIDES[1:], 2047),
                    size, tile.num_warps)  # fmt: skip
    tile = _config.row_tile(128)
    size = {"ROWS": tile.rows, "COLS": tile.columns}
    p = "*bf16"
    yield Build("attention_merge.forward", attention_merge._forward,
                (p, F, p, F, p, F, 4096, 128, (128, 1) * 2), size, tile.num_warps)  # fmt: skip
    yield Build("attention_merge.backward", attention_merge._backward,
                (p, F, p, F, p, None, p, p, F, F, 4096, 128, (128, 1) * 3),
                size, tile.num_warps)  # fmt: skip


def _activations() -> Iterator[Build]:
    tile = _config.flat_tile()
    size = {"BLOCK": tile.elements}
    for kind in ("gelu", "gelu_tanh", "swish"):
        yield Build(f"{kind}.forward", _elementwise.forward_kernel,
                    ("*bf16", "*bf16", 4096, 1, 1.0), size | {"KIND": kind},
                    tile.num_warps)  # fmt: skip
        yield Build(f"{kind}.backward", _elementwise.backward_kernel,
                    ("*bf16", "*bf16", "*bf16", 4096, 1, 1, 1.0), size | {"KIND": kind},
                    tile.num_warps)  # fmt: skip
    for kind in glu_feed_forward._KINDS:
        yield Build(f"glu.{kind}.forward", glu_feed_forward._forward,
                    ("*bf16",) * 3 + (4096,), size | {"KIND": kind}, tile.num_warps)  # fmt: skip
        yield Build(f"glu.{kind}.backward", glu_feed_forward._backward,
                    ("*bf16",) * 5 + (4096,), size | {"KIND": kind}, tile.num_warps)  # fmt: skip


def _rotations() -> Iterator[Build]:
    for width, rotary in ((128, 128), (64, 32)):
        tile = _config.rope_tile(rotary // 2)
        for interleaved in (False, True):
            yield Build(
                f"rope.{width}.{rotary}.{'interleaved' if interleaved else 'half'}", rope._rotate,
                ("*bf16", "*bf16", "*i64", 32, 4096, (*_STRIDES, 0, 1), 13.3, 1.5, 1.5),
                {"ROTARY": rotary, "WIDTH": width, "INTERLEAVED": interleaved,
                 "PAIRS": triton.next_power_of_2(rotary // 2),
                 "REST": triton.next_power_of_2(max(width - rotary, 1)), "BLOCK": tile.positions},
                tile.num_warps,
            )  # fmt: skip


def _attention_builds() -> Iterator[Build]:
    """Each tile of the tables; then the rarer options at one size."""
    for p, heads in (("*bf16", (64, 128, 256)), (F, (64, 128, 256))):
        for head in heads:
            causal = p == "*bf16"
            name = f"{p[1:]}.d{head}.{'causal' if causal else 'full'}"
            yield from _attention(name, p, head, causal, None, None, None, None)
    yield from _attention("bf16.d80.full", "*bf16", 80, False, None, None, None, None)
    yield from _attention("window", "*bf16", 128, True, 1023, None, None, None)
    yield from _attention("bias-mask-cap", "*bf16", 128, False, None, "*bf16", "*u8", 30.0)
    yield from _block_sparse()
    yield from _varlen()


def _varlen() -> Iterator[Build]:
    p, packed = "*bf16", (4096, 128, 1)
    strides = (packed, packed, packed, 1, 1)
    constants = attention_varlen.constants(128, 128, 2, True, backward=False)
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    yield Build("varlen.forward", attention_varlen._forward,
                (p, p, p, "*i32", "*i32", p, F, 32, 4, 4096, 7, None, 0.125, strides),
                constants, warps, stages)  # fmt: skip
    constants = attention_varlen.constants(128, 128, 2, True, backward=True)
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    rest = (32, 4, 4096, 7, None, 0.125, (*strides, packed))
    yield Build("varlen.backward-queries", attention_varlen._backward_queries,
                (p, p, p, "*i32", "*i32", p, F, F, p, *rest), constants, warps, stages)  # fmt: skip
    yield Build("varlen.backward-keys", attention_varlen._backward_keys,
                (p, p, p, "*i32", "*i32", p, F, F, p, p, *rest), constants, warps,
                stages)  # fmt: skip


def _block_sparse() -> Iterator[Build]:
    constants = block_sparse_attention.constants(128, 128, 2, 128, backward=False)
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    p, rest = "*bf16", (32, 4, (4096, 4096, 128), 0.125)
    yield Build("block_sparse.forward", block_sparse_attention._forward,
                (p, p, p, "*u8", p, F, *rest, (*(_STRIDES,) * 3, (32, 1))), constants, warps,
                stages)  # fmt: skip
    constants = block_sparse_attention.constants(128, 128, 2, 128, backward=True)
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    strides = (*(_STRIDES,) * 3, (32, 1), _STRIDES)
    yield Build("block_sparse.backward-queries", block_sparse_attention._backward_queries,
                (p, p, p, "*u8", p, F, F, p, *rest, strides), constants, warps, stages)  # fmt: skip
    yield Build("block_sparse.backward-keys", block_sparse_attention._backward_keys,
                (p, p, p, "*u8", p, F, F, p, p, *rest, strides), constants, warps,
                stages)  # fmt: skip


def _attention(
    name: str, p: str, head: int, causal: bool, window: int | None, bias: str | None,
    mask: str | None, cap: float | None,
) -> Iterator[Build]:  # fmt: skip
    wide = _config.padded_head(head)
    size = {"D": head, "DV": head, "BD": wide, "BDV": wide, "CAUSAL": causal}
    strides = (_STRIDES,) * 3 + (_STRIDES if bias else _NONE, _STRIDES if mask else _NONE)
    rest = (32, 4, (4096, 4096, window), 0.125, cap)
    inputs = (p, p, p, bias, mask)
    tile = _config.forward_tile(wide, _ITEMSIZE[p], bool(bias or mask))
    yield Build(f"attention.forward.{name}", _attention_forward.forward_kernel,
                (*inputs, None, p, F, *rest, strides),
                size | {"QUERIES": tile.queries, "KEYS": tile.keys}, tile.num_warps,
                tile.num_stages)  # fmt: skip
    tile = _config.backward_tile(wide, _ITEMSIZE[p], bool(bias or mask))
    constants = size | {"QUERIES": tile.queries, "KEYS": tile.keys}
    after = (*rest, (*strides, _STRIDES))
    yield Build(f"attention.backward-queries.{name}", _attention_backward.query_kernel,
                (*inputs, p, F, F, p, F if bias else None, *after), constants, tile.num_warps,
                tile.num_stages)  # fmt: skip
    yield Build(f"attention.backward-keys.{name}", _attention_backward.key_kernel,
                (*inputs, p, F, F, p, p, *after), constants, tile.num_warps,
                tile.num_stages)  # fmt: skip
    if name.endswith("full"):
        yield Build(f"attention.delta.{name}", _attention_backward.delta_kernel,
                    (p, p, None, F, 4096, (32, 4096, *_STRIDES)),
                    {"DV": head, "BDV": wide, "QUERIES": 32})  # fmt: skip


def _decoding() -> Iterator[Build]:
    for head, group in ((64, 8), (128, 1), (128, 8)):
        tile = _config.forward_tile(head, 2)
        yield Build(f"decode_attention.split.d{head}.group{group}", decode_attention._split,
                    ("*bf16", "*bf16", "*bf16", "*i64", F, F, 32, group, 16, 256, 4096, 0.125,
                     (_STRIDES, _STRIDES, _STRIDES, 1)),
                    {"D": head, "BD": head, "GROUP": 16, "KEYS": tile.keys}, 4,
                    tile.num_stages)  # fmt: skip
    yield Build("decode_attention.merge", decode_attention._merge, (F, F, "*bf16", 16),
                {"D": 128, "BD": 128, "SPLITS": 16})  # fmt: skip


def _linear() -> Iterator[Build]:
    tile = _config.chunk_tile()
    for p, head in (("*bf16", 128), (F, 64)):
        for causal in (False, True):
            constants = {"D": head, "DV": head, "BD": head, "BDV": head, "CHUNK": tile.queries,
                         "CAUSAL": causal, "PRECISION": "ieee" if p == F else "tf32"}  # fmt: skip
            end = f"{p[1:]}.{'causal' if causal else 'full'}"
            common = (32, 4096)
            yield Build(f"linear_attention.forward.{end}", linear_attention._forward,
                        (p, p, p, p, F, *common, (_STRIDES,) * 3), constants, tile.num_warps,
                        tile.num_stages)  # fmt: skip
            yield Build(f"linear_attention.backward-queries.{end}",
                        linear_attention._backward_queries,
                        (p, p, p, p, F, p, p, *common, (_STRIDES,) * 4), constants, tile.num_warps,
                        tile.num_stages)  # fmt: skip
            yield Build(f"linear_attention.backward-keys.{end}", linear_attention._backward_keys,
                        (p, p, p, p, F, p, p, p, *common, (_STRIDES,) * 4), constants,
                        tile.num_warps, tile.num_stages)  # fmt: skip


def _lookups() -> Iterator[Build]:
    tile = _config.row_tile(4096)
    yield Build("embedding.forward", embedding._gather,
                ("*i64", "*bf16", "*bf16", 4096, 4096, (4096, 1)),
                {"ROWS": tile.rows, "COLS": tile.columns}, tile.num_warps)  # fmt: skip
    yield Build("embedding.backward", embedding._scatter,
                ("*i64", "*i64", "*bf16", "*bf16", 4096, (4096, 1)), {"COLS": tile.columns},
                tile.num_warps)  # fmt: skip


def _adapters() -> Iterator[Build]:
    for p in ("*bf16", F):
        tile = _config.matmul_tile(_ITEMSIZE[p])
        yield Build(f"lora_linear.{p[1:]}", lora_linear._linear,
                    (p, p, p, p, p, (4096, 4096, 4096, 16), 2.0,
                     ((4096, 1), (4096, 1), (4096, 1), (16, 1))),
                    {"ROWS": tile.rows, "OUT": tile.columns, "IN": tile.inner, "RANK": 16},
                    tile.num_warps, tile.num_stages)  # fmt: skip
    tile = _config.flat_tile()
    yield Build("nf4_dequantize", nf4_dequantize._dequantize,
                ("*u8", F, F, F, 4096, 64, (1, 1)), {"BLOCK": tile.elements},
                tile.num_warps)  # fmt: skip


_RESOURCES = re.compile(
    r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    r"|Used (\d+) registers"
)


def resources(log: str) -> dict[str, int]:
    """Registers and spills from what ptxas says with TRITON_DUMP_PTXAS_LOG=1."""
    found: dict[str, int] = {}
    for stack, stores, loads, registers in _RESOURCES.findall(log):
        if registers:
            found["registers"] = int(registers)
        else:
            found |= {"stack": int(stack), "spill_stores": int(stores), "spill_loads": int(loads)}
    return found
