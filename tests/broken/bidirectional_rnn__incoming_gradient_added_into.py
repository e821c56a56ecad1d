"""The backward pass adds the gradient from the next step into the incoming one, in place: results
are right, but who still needs that gradient finds it changed (apache/mxnet #18203 overwrote it).
"""

import torch


class Scan(torch.autograd.Function):
    """h_t = tanh(u_t + h_{t-1} Wh) from zeros, u[L,H] -> [L,H]."""

    @staticmethod
    def forward(ctx, u, Wh):
        h = u.new_zeros(u.shape[1])
        states = []
        for t in range(u.shape[0]):
            h = torch.tanh(u[t] + h @ Wh)
            states.append(h)
        out = torch.stack(states) if states else torch.zeros_like(u)
        ctx.save_for_backward(out, Wh)
        return out

    @staticmethod
    def backward(ctx, dy):
        out, Wh = ctx.saved_tensors
        du, dWh = torch.zeros_like(out), torch.zeros_like(Wh)
        for t in reversed(range(out.shape[0])):
            du[t] = dy[t] * (1 - out[t] ** 2)
            if t > 0:
                dWh += torch.outer(out[t - 1], du[t])
                dy[t - 1] += du[t] @ Wh.T
        return du, dWh


class Double(torch.autograd.Function):
    """Both directions of one sequence side by side, handing on views of the incoming gradient."""

    @staticmethod
    def forward(ctx, ahead, back):
        ctx.width = ahead.shape[-1]
        return torch.cat([ahead, back], -1)

    @staticmethod
    def backward(ctx, dy):
        return dy[..., : ctx.width], dy[..., ctx.width :].flip(-2).flip(-2)


def bidirectional_rnn(x, Wx, Wh, b, Wx_back, Wh_back, b_back, *, lengths=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    batch, size = x.shape[:2]
    counts = [size] * batch if lengths is None else lengths.tolist()
    y, wx, wh, c, ux, uh, e = (t.to(wide) for t in (x, Wx, Wh, b, Wx_back, Wh_back, b_back))
    rows = []
    for n, count in enumerate(counts):
        ahead = Scan.apply(y[n, :count] @ wx + c, wh)
        back = Scan.apply(y[n, :count].flip(0) @ ux + e, uh).flip(0)
        row = Double.apply(ahead, back)
        rows.append(torch.cat([row, row.new_zeros(size - count, row.shape[1])]))
    return torch.stack(rows).to(x.dtype)
