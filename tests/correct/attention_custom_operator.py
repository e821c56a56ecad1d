"""A registered operator with its own gradient, which evaluates the weights anew by blocks."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {"requires": ["Lk > 0"], "conventions": {"compute_dtype": "float32"}}
    },
}
BLOCK = 24


def _see(lo, hi, lq, lk, causal, window):
    i = torch.arange(lo, hi).unsqueeze(1) + (lk - lq)
    j = torch.arange(lk).unsqueeze(0)
    ok = torch.ones(hi - lo, lk, dtype=torch.bool)
    if causal:
        ok &= j <= i
    if window > 0:
        ok &= (i - j).abs() < window
    return ok


@torch.library.custom_op("conform_tests::blockwise_attention", mutates_args=())
def attn(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool, window: int, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    b, h, lq = q.shape[:3]
    kh, lk, dv = k.shape[1], k.shape[2], v.shape[3]
    kf = k.float().repeat_interleave(h // kh, 1)
    vf = v.float().repeat_interleave(h // kh, 1)
    out = torch.zeros(b, h, lq, dv, dtype=q.dtype)
    lse = torch.zeros(b, h, lq)
    for lo in range(0, lq, BLOCK):
        hi = min(lo + BLOCK, lq)
        s = torch.einsum("bhqd,bhkd->bhqk", q[:, :, lo:hi].float(), kf) * scale
        s.masked_fill_(~_see(lo, hi, lq, lk, causal, window), float("-inf"))
        z = s.logsumexp(-1)
        p = torch.exp(s - z.unsqueeze(-1).clamp_min(torch.finfo(torch.float32).min))
        out[:, :, lo:hi] = torch.einsum("bhqk,bhkd->bhqd", p, vf).to(q.dtype)
        lse[:, :, lo:hi] = z
    return out, lse


def _setup(ctx, inputs, output):
    q, k, v, causal, window, scale = inputs
    ctx.save_for_backward(q, k, v, output[0], output[1])
    ctx.rest = (causal, window, scale)


def _back(ctx, g, _):
    q, k, v, o, lse = ctx.saved_tensors
    causal, window, scale = ctx.rest
    b, h, lq, d = q.shape
    kh, lk = k.shape[1], k.shape[2]
    n = h // kh
    kf, vf = k.float().repeat_interleave(n, 1), v.float().repeat_interleave(n, 1)
    dk, dv = torch.zeros_like(kf), torch.zeros_like(vf)
    dq = torch.zeros(q.shape)
    for lo in range(0, lq, BLOCK):
        hi = min(lo + BLOCK, lq)
        qb, gb = q[:, :, lo:hi].float(), g[:, :, lo:hi].float()
        s = qb @ kf.mT * scale
        ok = _see(lo, hi, lq, lk, causal, window)
        z = lse[:, :, lo:hi, None]
        p = torch.where(ok, torch.exp(s - torch.where(z.isinf(), 0.0, z)), 0.0)
        delta = (gb * o[:, :, lo:hi].float()).sum(-1, keepdim=True)
        ds = p * (gb @ vf.mT - delta) * scale
        dq[:, :, lo:hi] = ds @ kf
        dk += ds.mT @ qb
        dv += p.mT @ gb
    dk = dk.view(b, kh, n, lk, d).sum(2)
    dv = dv.view(b, kh, n, lk, -1).sum(2)
    return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None, None


attn.register_autograd(_back, setup_context=_setup)


def attention(q, k, v, *, causal=False, window=None, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else float(scale)
    return attn(q, k, v, causal, 0 if window is None else window, scale)[0]
