"""FlashAttention in tiles with exp2 and an own backward that recomputes; statistics in float32."""

import math

import torch

CONFORM = {
    "dtypes": ["float32", "float64", "bfloat16", "float16"],
    "operators": {
        "attention": {"requires": ["bias is None", "softcap is None", "sinks is None"]},
        "attention_with_lse": {},
    },
}
LOG2E = 1.4426950408889634
BLOCK = 32


def seen(i0, i1, j0, j1, shift, causal, window):
    row = torch.arange(i0, i1)[:, None] + shift
    col = torch.arange(j0, j1)[None]
    ok = torch.ones(i1 - i0, j1 - j0, dtype=torch.bool)
    if causal:
        ok &= col <= row
        if window is not None:
            ok &= row - col < window
    elif window is not None:
        ok &= (row - col).abs() < window
    return ok


class Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, mask, causal, window, scale):
        wide = torch.promote_types(q.dtype, torch.float32)
        b, h, lq, _ = q.shape
        lk, dv = k.shape[2], v.shape[3]
        out = torch.empty(b, h, lq, dv, dtype=q.dtype)
        lse = torch.empty(b, h, lq, dtype=wide)
        for i0 in range(0, lq, BLOCK):
            i1 = min(i0 + BLOCK, lq)
            qi = q[:, :, i0:i1].to(wide)
            m = torch.full((b, h, i1 - i0, 1), -math.inf, dtype=wide)
            total = torch.zeros(b, h, i1 - i0, 1, dtype=wide)
            acc = torch.zeros(b, h, i1 - i0, dv, dtype=wide)
            for j0 in range(0, lk, BLOCK):
                j1 = min(j0 + BLOCK, lk)
                s = qi @ k[:, :, j0:j1].to(wide).mT * (scale * LOG2E)
                ok = seen(i0, i1, j0, j1, lk - lq, causal, window)
                if mask is not None:
                    ok = ok & mask[:, :, i0:i1, j0:j1]
                s = s.masked_fill(~ok, -math.inf)
                new = torch.maximum(m, s.amax(-1, keepdim=True))
                safe = torch.where(new == -math.inf, 0.0, new)
                p = torch.exp2(s - safe)
                fix = torch.exp2(m - safe)
                total = total * fix + p.sum(-1, keepdim=True)
                acc = acc * fix + p.to(v.dtype).to(wide) @ v[:, :, j0:j1].to(wide)
                m = new
            empty = total == 0
            out[:, :, i0:i1] = torch.where(empty, 0.0, acc / torch.where(empty, 1.0, total))
            lse[:, :, i0:i1] = torch.where(empty, -math.inf, m / LOG2E + torch.log(total))[..., 0]
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.rest = mask, causal, window, scale
        return out, lse

    @staticmethod
    def backward(ctx, do, dlse):
        q, k, v, out, lse = ctx.saved_tensors
        mask, causal, window, scale = ctx.rest
        wide = lse.dtype
        lq, lk = q.shape[2], k.shape[2]
        dq = torch.zeros(q.shape, dtype=wide)
        dk = torch.zeros(k.shape, dtype=wide)
        dv = torch.zeros(v.shape, dtype=wide)
        delta = (do.to(wide) * out.to(wide)).sum(-1)
        if dlse is not None:
            delta = delta - dlse.to(wide)
        for j0 in range(0, lk, BLOCK):
            j1 = min(j0 + BLOCK, lk)
            kj, vj = k[:, :, j0:j1].to(wide), v[:, :, j0:j1].to(wide)
            for i0 in range(0, lq, BLOCK):
                i1 = min(i0 + BLOCK, lq)
                qi, doi = q[:, :, i0:i1].to(wide), do[:, :, i0:i1].to(wide)
                ok = seen(i0, i1, j0, j1, lk - lq, causal, window)
                if mask is not None:
                    ok = ok & mask[:, :, i0:i1, j0:j1]
                ls = lse[:, :, i0:i1, None]
                ls = torch.where(ls == -math.inf, 0.0, ls)
                p = torch.exp2((qi @ kj.mT * scale - ls) * LOG2E).masked_fill(~ok, 0.0)
                dv[:, :, j0:j1] += p.to(q.dtype).to(wide).mT @ doi
                ds = p * (doi @ vj.mT - delta[:, :, i0:i1, None])
                ds = ds.to(q.dtype).to(wide)
                dq[:, :, i0:i1] += ds @ kj * scale
                dk[:, :, j0:j1] += ds.mT @ qi * scale
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None, None, None


def attention_with_lse(q, k, v, *, causal=False, window=None, mask=None, scale=None):
    b, h, lq, d = q.shape
    group = h // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scale = d**-0.5 if scale is None else scale
    if mask is not None:
        mask = mask.expand(b, h, lq, k.shape[2])
    return Flash.apply(q, k, v, mask, causal, window, scale)


def attention(q, k, v, *, causal=False, window=None, mask=None, scale=None):
    return attention_with_lse(q, k, v, causal=causal, window=window, mask=mask, scale=scale)[0]
