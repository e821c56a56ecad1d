"""Triton operators in several launches: states or partial sums in memory, then a second kernel."""

import torch
import triton
import triton.language as tl


@triton.jit
def _feature(x):
    return tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0)))


@triton.jit
def _tile(x, i, d, length, size, stride, stride_col):
    keep = (i < length)[:, None] & (d < size)[None, :]
    where = x + i[:, None] * stride + d[None, :] * stride_col
    return tl.load(where, mask=keep, other=0.0).to(tl.float32), keep


@triton.jit
def _states(
    k, v, states, masses, heads, length, chunks, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """Before each chunk the sums of phi(k) v^T and phi(k) over the chunks before it."""
    b, h = tl.program_id(0) // heads, tl.program_id(0) % heads
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([BD], tl.float32)
    inside = (d < D)[:, None] & (e < DV)[None, :]
    for chunk in range(chunks):
        at = tl.program_id(0) * chunks + chunk
        tl.store(states + at * D * DV + d[:, None] * DV + e[None, :], state, mask=inside)
        tl.store(masses + at * D + d, mass, mask=d < D)
        i = chunk * C + tl.arange(0, C)
        x, keep = _tile(k + b * ks[0] + h * ks[1], i, d, length, D, ks[2], ks[3])
        phi = tl.where(keep, _feature(x), 0.0)
        values, _ = _tile(v + b * vs[0] + h * vs[1], i, e, length, DV, vs[2], vs[3])
        state += tl.dot(phi.T, values, input_precision="ieee")
        mass += tl.sum(phi, 0)


@triton.jit
def _outputs(
    q, k, v, states, masses, o, heads, length, chunks, qs, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    chunk, b, h = tl.program_id(1), tl.program_id(0) // heads, tl.program_id(0) % heads
    c, d, e = tl.arange(0, C), tl.arange(0, BD), tl.arange(0, BDV)
    at, i = tl.program_id(0) * chunks + chunk, chunk * C + c
    inside = (d < D)[:, None] & (e < DV)[None, :]
    where = states + at * D * DV + d[:, None] * DV + e[None, :]
    state = tl.load(where, mask=inside, other=0.0)
    mass = tl.load(masses + at * D + d, mask=d < D, other=0.0)
    x, keep = _tile(q + b * qs[0] + h * qs[1], i, d, length, D, qs[2], qs[3])
    queries = tl.where(keep, _feature(x), 0.0)
    x, keep = _tile(k + b * ks[0] + h * ks[1], i, d, length, D, ks[2], ks[3])
    keys = tl.where(keep, _feature(x), 0.0)
    values, mine = _tile(v + b * vs[0] + h * vs[1], i, e, length, DV, vs[2], vs[3])
    weights = tl.dot(queries, keys.T, input_precision="ieee")
    weights = tl.where(c[:, None] >= c[None, :], weights, 0.0)
    top = tl.dot(weights, values, input_precision="ieee")
    top += tl.dot(queries, state, input_precision="ieee")
    bottom = tl.sum(weights, 1) + tl.sum(queries * mass[None, :], 1)
    out = top / tl.where(i < length, bottom, 1.0)[:, None]
    where = o + (tl.program_id(0) * length + i)[:, None] * DV + e[None, :]
    tl.store(where, out, mask=mine)


def linear_attention(q, k, v):
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v)):
        raise NotImplementedError("no gradient")
    (b, h, length, d), dv = q.shape, v.shape[3]
    chunks = triton.cdiv(length, 16)
    states, masses = torch.empty(b * h, chunks, d, dv), torch.empty(b * h, chunks, d)
    o = torch.empty(b, h, length, dv, dtype=q.dtype)
    sizes = {"D": d, "DV": dv, "C": 16}
    sizes |= {"BD": max(16, triton.next_power_of_2(d)), "BDV": max(16, triton.next_power_of_2(dv))}
    if o.numel():
        steps = k.stride(), v.stride()
        _states[(b * h,)](k, v, states, masses, h, length, chunks, *steps, **sizes)
        _outputs[(b * h, chunks)](
            q, k, v, states, masses, o, h, length, chunks, q.stride(), *steps, **sizes
        )
    return o


@triton.jit
def _norm(x, gamma, beta, y, mean, root, columns, eps, xr, xc, gs, bs, BLOCK: tl.constexpr):
    """A row in several tiles, read three times where it is wider than one."""
    row = tl.program_id(0)
    x += row * xr
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        total += tl.load(x + at * xc, mask=at < columns, other=0.0).to(tl.float32)
    middle = tl.sum(total, 0) / columns
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        v = tl.load(x + at * xc, mask=at < columns, other=0.0).to(tl.float32)
        total += tl.where(at < columns, (v - middle) * (v - middle), 0.0)
    inverse = 1.0 / tl.sqrt(tl.sum(total, 0) / columns + eps)
    tl.store(mean + row, middle)
    tl.store(root + row, inverse)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        keep = at < columns
        v = tl.load(x + at * xc, mask=keep, other=0.0).to(tl.float32)
        w = tl.load(gamma + at * gs, mask=keep, other=0.0).to(tl.float32)
        b = tl.load(beta + at * bs, mask=keep, other=0.0).to(tl.float32)
        tl.store(y + row * columns + at, (v - middle) * inverse * w + b, mask=keep)


@triton.jit
def _norm_rows(
    x, gamma, dy, dx, mean, root, parts, rows, columns, xr, xc, gs, dr, dc, BLOCK: tl.constexpr
):
    """Each of a few programs strides over the rows; its sums go to a row of its own."""
    at = tl.arange(0, BLOCK)
    keep = at < columns
    w = tl.load(gamma + at * gs, mask=keep, other=0.0).to(tl.float32)
    gain = tl.zeros([BLOCK], tl.float32)
    shift = tl.zeros([BLOCK], tl.float32)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        v = tl.load(x + row * xr + at * xc, mask=keep, other=0.0).to(tl.float32)
        d = tl.load(dy + row * dr + at * dc, mask=keep, other=0.0).to(tl.float32)
        inverse = tl.load(root + row)
        n = tl.where(keep, (v - tl.load(mean + row)) * inverse, 0.0)
        g = d * w
        out = inverse * (g - n * (tl.sum(g * n, 0) / columns) - tl.sum(g, 0) / columns)
        tl.store(dx + row * columns + at, out, mask=keep)
        gain += d * n
        shift += d
    parts += tl.program_id(0) * 2 * columns
    tl.store(parts + at, gain, mask=keep)
    tl.store(parts + columns + at, shift, mask=keep)


@triton.jit
def _norm_columns(parts, gain, shift, count, columns, M: tl.constexpr, N: tl.constexpr):
    at, row = tl.program_id(0) * N + tl.arange(0, N), tl.arange(0, M)
    keep = (row < count)[:, None] & (at < columns)[None, :]
    where = parts + row[:, None] * 2 * columns + at[None, :]
    tl.store(gain + at, tl.sum(tl.load(where, mask=keep, other=0.0), 0), mask=at < columns)
    where += columns
    tl.store(shift + at, tl.sum(tl.load(where, mask=keep, other=0.0), 0), mask=at < columns)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        flat, y = x.reshape(-1, x.shape[-1]), torch.empty(x.shape, dtype=x.dtype)
        mean, root = torch.empty(2, flat.shape[0]).unbind()
        if x.numel():
            _norm[(flat.shape[0],)](
                flat, gamma, beta, y, mean, root, flat.shape[1], eps, *flat.stride(),
                gamma.stride(0), beta.stride(0), BLOCK=64,
            )  # fmt: skip
        ctx.save_for_backward(x, gamma, beta, mean, root)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma, beta, mean, root = ctx.saved_tensors
        flat, grads = x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1])
        (rows, columns), dx = flat.shape, torch.empty(x.shape, dtype=x.dtype)
        gain, shift = torch.zeros_like(gamma), torch.zeros_like(beta)
        if x.numel():
            programs = min(rows, 8)
            parts = torch.empty(programs, 2, columns)
            _norm_rows[(programs,)](
                flat, gamma, grads, dx, mean, root, parts, rows, columns, *flat.stride(),
                gamma.stride(0), *grads.stride(), BLOCK=triton.next_power_of_2(columns),
            )  # fmt: skip
            packed = torch.empty(2, columns, dtype=gamma.dtype)
            _norm_columns[(triton.cdiv(columns, 32),)](
                parts, packed[0], packed[1], programs, columns, M=8, N=32
            )
            gain, shift = packed[0], packed[1].to(beta.dtype)
        return dx, gain, shift, None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return _Norm.apply(x, gamma, beta, eps)


CONFORM = {"operators": {"linear_attention": {"fixed": {"causal": True}}}}
