"""FlashAttention by tiles of queries; the way back makes the weights anew from the log-sum-exp."""

import torch


class _Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, block_q, block_k, causal, scale):
        seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
        seen = seen.tril(k.shape[2] - q.shape[2]) if causal else seen
        qf, kf, vf = q.float() * scale, k.float(), v.float()
        o, lse = [], []
        for i in range(0, q.shape[2], block_q):
            m = torch.full(
                (*q.shape[:2], min(block_q, q.shape[2] - i), 1), torch.finfo(torch.float32).min
            )
            total, sums = torch.zeros_like(m), torch.zeros(*m.shape[:-1], v.shape[-1])
            for j in range(0, k.shape[2], block_k):
                s = qf[:, :, i : i + block_q] @ kf[:, :, j : j + block_k].mT
                s = s.masked_fill(~seen[i : i + block_q, j : j + block_k], -torch.inf)
                new = torch.maximum(m, s.amax(-1, keepdim=True))
                p, kept = torch.exp(s - new), torch.exp(m - new)
                total = total * kept + p.sum(-1, keepdim=True)
                sums = sums * kept + p.to(v.dtype).float() @ vf[:, :, j : j + block_k]
                m = new
            o.append(sums / torch.where(total > 0, total, 1.0))
            lse.append(torch.where(total > 0, m + torch.log(total), torch.inf))
        o, lse = torch.cat(o, 2).to(q.dtype), torch.cat(lse, 2)
        ctx.save_for_backward(q, k, v, o, lse, seen)
        ctx.scale = scale
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, o, lse, seen = ctx.saved_tensors
        s = (q.float() * ctx.scale) @ k.float().mT
        p = torch.exp(s.masked_fill(~seen, -torch.inf) - lse)
        g = do.float()
        dv = p.to(v.dtype).float().mT @ g
        ds = p * (g @ v.float().mT - (g * o.float()).sum(-1, keepdim=True))
        ds = ds.to(q.dtype).float() * ctx.scale
        dq, dk = ds @ k.float(), ds.mT @ q.float()
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None, None, None


def flash_attention(q, k, v, *, block_q, block_k, causal=False, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    if not k.shape[2] or not q.shape[2]:
        return q[..., :1] * 0 + q.new_zeros(v.shape[-1])
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    return _Flash.apply(q, k, v, block_q, block_k, causal, scale)
