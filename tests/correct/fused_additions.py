"""Products through addmm, baddbmm and addcmul in the input's dtype, additions fused in."""

import torch
import torch.nn.functional as F


def affine(x, W, b):
    return torch.addmm(b, x.reshape(-1, x.shape[-1]), W).view(*x.shape[:-1], W.shape[1])


def plus(r, x, W):
    flat = torch.addmm(r.reshape(-1, r.shape[-1]), x.reshape(-1, x.shape[-1]), W)
    return flat.view(r.shape)


ACT = {
    "relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu, "sigmoid": torch.sigmoid, "identity": lambda x: x,
}  # fmt: skip


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    return affine(ACT[activation](affine(x, W1, b1)), W2, b2)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    both = x @ torch.cat([W, V], 1)
    gate, value = both.chunk(2, -1)
    return ACT[activation](gate).mul(value) @ W2


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    return plus(h, ACT[activation](affine(h, Wdown, bdown)), Wup) + bup


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    return torch.add(h, affine(ACT[activation](affine(x, Wdown, bdown)), Wup, bup), alpha=scaling)


def ia3_linear(x, W0, b0, scale):
    return (
        F.linear(x, W0, b0).mul_(scale)
        if not torch.is_grad_enabled()
        else F.linear(x, W0, b0) * scale
    )


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    return affine(ACT[activation](affine(x, W1, b1)), scale[:, None] * W2, b2)


def lora_linear(x, W0, A, B, *, alpha):
    flat = x.reshape(-1, x.shape[-1])
    y = torch.addmm(F.linear(flat, W0), F.linear(flat, A), B.T, alpha=alpha / A.shape[0])
    return y.view(*x.shape[:-1], -1) if y.numel() else y.new_empty(*x.shape[:-1], W0.shape[0])


def lora_merge(W0, A, B, *, alpha):
    return torch.addmm(W0, B, A, alpha=alpha / A.shape[0])


def dylora_linear(x, W0, A, B, *, alpha, rank):
    return lora_linear(x, W0, A[:rank], B[:, :rank], alpha=alpha)


def subspace_update(theta, P, z):
    return torch.addmv(theta, P, z)


def attention(q, k, v, *, causal=False, bias=None, scale=None):
    B, H, L, D = q.shape
    S = k.shape[2]
    k, v = (t.repeat_interleave(H // t.shape[1], 1) for t in (k, v))
    start = torch.zeros(B, H, L, S, dtype=q.dtype) if bias is None else bias.expand(B, H, L, S)
    if causal:
        start = start.masked_fill(torch.ones(L, S, dtype=torch.bool).triu(S - L + 1), -torch.inf)
    wide = torch.float32 if q.dtype != torch.float64 else torch.float64
    s = torch.baddbmm(
        start.reshape(B * H, L, S).to(wide), q.reshape(B * H, L, D).to(wide),
        k.reshape(B * H, S, D).to(wide).mT,
        alpha=D**-0.5 if scale is None else scale,
    )  # fmt: skip
    return torch.bmm(s.softmax(-1).to(q.dtype), v.reshape(B * H, S, -1)).view(B, H, L, -1)


def mlp_score(h, s, W1, b1, W2, b2):
    x = torch.cat([h, s[:, None].expand(-1, h.shape[1], -1)], -1)
    return affine(F.relu(affine(x, W1, b1)), W2, b2).squeeze(-1)


def rnn_step(x, h, Wx, Wh, b):
    return torch.addmm(torch.addmm(b, x, Wx), h, Wh).tanh()


def lstm_cell(x, h, c, Wx, Wh, b):
    i, f, g, o = torch.addmm(torch.addmm(b, x, Wx), h, Wh).chunk(4, -1)
    c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
    return o.sigmoid() * c.tanh(), c


def reversible_block(x1, x2, f, g):
    y1 = f(x2).add(x1)
    return y1, g(y1).add(x2)


def fine_tune_step(theta, gradient, trainable, *, learning_rate=0.1):
    return torch.addcmul(theta, gradient, trainable.to(theta.dtype), value=-learning_rate)


def gated_feed_forward(x, W1, W2, gate, *, activation="squared_relu"):
    act = (lambda t: F.relu(t).square()) if activation == "squared_relu" else ACT[activation]
    return torch.addcmul(x, gate.tanh(), act(x @ W1) @ W2)


def maple_coupling(prompts, U, u):
    return torch.baddbmm(u[:, None], prompts, U)


def mlp_prompt_encoder(seeds, W1, b1, W2, b2, W3, b3):
    return torch.addmm(b3, torch.addmm(b2, torch.addmm(b1, seeds, W1).relu(), W2).relu(), W3)


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"requires": ["Lq <= Lk or not causal", "Lk > 0"]}},
}
