"""Triton kernels that reach memory through tensor descriptors, rows padded to 16 bytes before."""

import torch
import triton
import triton.language as tl


def _aligned(x):
    """A copy whose rows begin at multiples of 16 bytes, and the distance of two of them."""
    rows, columns = x.shape
    unit = 16 // x.element_size()
    stride = triton.cdiv(columns, unit) * unit
    room = x.new_zeros(rows, stride)
    room[:, :columns] = x
    return room, stride


@triton.jit
def _softmax(x, y, rows, columns, stride, M: tl.constexpr, N: tl.constexpr):
    source = tl.make_tensor_descriptor(x, [rows, columns], [stride, 1], [M, N])
    goal = tl.make_tensor_descriptor(y, [rows, columns], [stride, 1], [M, N])
    first = tl.program_id(0) * M
    top = tl.full([M], -float("inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    for start in tl.range(0, columns, N, num_stages=2):
        v = source.load([first, start]).to(tl.float32)
        v = tl.where((start + tl.arange(0, N) < columns)[None, :], v, -float("inf"))
        new = tl.maximum(top, tl.max(v, 1))
        base = tl.where(new == -float("inf"), 0.0, new)
        total = total * tl.exp(top - base) + tl.sum(tl.exp(v - base[:, None]), 1)
        top = new
    for start in range(0, columns, N):
        v = source.load([first, start]).to(tl.float32)
        out = tl.exp(v - top[:, None]) / total[:, None]
        goal.store([first, start], out.to(y.dtype.element_ty))


def softmax(x):
    if torch.is_grad_enabled() and x.requires_grad:
        raise NotImplementedError("no gradient")
    flat = x.reshape(-1, x.shape[-1])
    room, stride = _aligned(flat)
    y = torch.empty_like(room)
    if x.numel():
        _softmax[(triton.cdiv(flat.shape[0], 4),)](room, y, *flat.shape, stride, M=4, N=32)
    return y[:, : flat.shape[1]].reshape(x.shape)


@triton.jit
def _product(
    x, w, y, rows, inner, columns, xs, ws, ys, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr
):
    """y = x w^T by tiles, a few programs striding over them."""
    left = tl.make_tensor_descriptor(x, [rows, inner], [xs, 1], [M, K])
    right = tl.make_tensor_descriptor(w, [columns, inner], [ws, 1], [N, K])
    goal = tl.make_tensor_descriptor(y, [rows, columns], [ys, 1], [M, N])
    across = tl.cdiv(columns, N)
    for tile in range(tl.program_id(0), tl.cdiv(rows, M) * across, tl.num_programs(0)):
        i, j = tile // across * M, tile % across * N
        acc = tl.zeros([M, N], tl.float32)
        for k in range(0, inner, K):
            a, b = left.load([i, k]), right.load([j, k])
            acc = tl.dot(a, b.T, acc, input_precision="ieee")
        goal.store([i, j], acc.to(y.dtype.element_ty))


def _times(x, w, dtype):
    """x w^T for matrices, in a dtype."""
    (left, xs), (right, ws) = _aligned(x), _aligned(w)
    rows, columns = x.shape[0], w.shape[0]
    y = torch.empty(rows, triton.cdiv(columns, 8) * 8, dtype=dtype)
    if rows and columns:
        _product[(3,)](
            left, right, y, rows, x.shape[1], columns, xs, ws, y.shape[1], M=16, N=16, K=32
        )
    return y[:, :columns]


def lora_linear(x, W0, A, B, *, alpha):
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, W0, A, B)):
        raise NotImplementedError("no gradient")
    flat = x.reshape(-1, x.shape[-1])
    low = _times(flat.float(), A.float(), torch.float32)
    y = _times(flat.float(), W0.float(), torch.float32)
    y += alpha / A.shape[0] * _times(low, B.float(), torch.float32)
    return y.to(x.dtype).reshape(*x.shape[:-1], W0.shape[0])
