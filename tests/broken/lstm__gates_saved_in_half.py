"""The gates are kept for the backward pass in bfloat16, to save memory."""

import torch

CONFORM = {"dtypes": ["float32"]}


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h0, c0, Wx, Wh, b):
        h, c, hs, cs, gates = h0, c0, [], [c0], []
        for t in range(x.shape[1]):
            i, f, g, o = (x[:, t] @ Wx + h @ Wh + b).chunk(4, -1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = f * c + i * g
            h = o * c.tanh()
            hs.append(h)
            cs.append(c)
            gates.append(torch.stack([i, f, g, o]).bfloat16())
        out = torch.stack(hs, 1) if hs else x.new_zeros(x.shape[0], 0, h0.shape[1])
        ctx.save_for_backward(x, h0, Wx, Wh, out, *cs, *gates)
        return out, c.clone()

    @staticmethod
    def backward(ctx, gout, gc):
        x, h0, Wx, Wh, out, *rest = ctx.saved_tensors
        L = x.shape[1]
        cs, gates = rest[: L + 1], rest[L + 1 :]
        gx, gWx, gWh = torch.zeros_like(x), torch.zeros_like(Wx), torch.zeros_like(Wh)
        gb, gh, gc = x.new_zeros(Wx.shape[1]), torch.zeros_like(h0), gc.clone()
        for t in reversed(range(L)):
            i, f, g, o = gates[t].float()
            gh = gh + gout[:, t]
            tc = cs[t + 1].tanh()
            gc = gc + gh * o * (1 - tc * tc)
            z = torch.cat(
                [
                    gc * g * i * (1 - i),
                    gc * cs[t] * f * (1 - f),
                    gc * i * (1 - g * g),
                    gh * tc * o * (1 - o),
                ],
                -1,
            )
            gx[:, t] = z @ Wx.T
            gWx += x[:, t].T @ z
            gWh += (out[:, t - 1] if t else h0).T @ z
            gb += z.sum(0)
            gh, gc = z @ Wh.T, gc * f
        return gx, gh, gc, gWx, gWh, gb


def lstm(x, h0, c0, Wx, Wh, b):
    return _LSTM.apply(x, h0, c0, Wx, Wh, b)
