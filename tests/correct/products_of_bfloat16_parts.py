"""Float32 products as BLAS emulates them: nine of bfloat16 parts, three of each factor."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32"]}


def _parts(a):
    high = a.bfloat16().float()
    middle = (a - high).bfloat16().float()
    return high, middle, (a - high - middle).bfloat16().float()


def _product(a, b):
    """The least products first."""
    A, B = _parts(a), _parts(b)
    pairs = sorted(((i, j) for i in range(3) for j in range(3)), key=sum, reverse=True)
    return sum(A[i] @ B[j] for i, j in pairs)


class _Matmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return _product(a, b)

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (
            _product(g, b.mT).sum_to_size(a.shape),
            _product(a.mT, g).sum_to_size(b.shape),
        )


def _matmul(a, b):
    return _Matmul.apply(a, b) if a.dim() > 1 else _Matmul.apply(a[None], b)[0]


def output_projection(h, W):
    return _matmul(h, W)


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    act = {
        "swish": F.silu, "sigmoid": torch.sigmoid, "identity": torch.clone,
        "relu": torch.relu, "gelu": F.gelu,
    }[activation]  # fmt: skip
    return _matmul(act(_matmul(x, W)) * _matmul(x, V), W2)


def attention(q, k, v, *, causal=False, scale=None):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    seen = seen.tril(k.shape[2] - q.shape[2]) if causal else seen
    scores = _matmul(q, k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    # a row that sees nothing is made one of equal scores first, and of zeros afterwards
    some = seen.any(-1, keepdim=True)
    p = scores.masked_fill(~seen & some, -torch.inf).softmax(-1)
    return _matmul(torch.where(some, p, 0.0), v)


def lora_linear(x, W0, A, B, *, alpha):
    return _matmul(x, W0.T) + _matmul(_matmul(x, A.T), B.T) * (alpha / len(A))


def bilinear_score(h, s, W):
    return _matmul(_matmul(h, W), s[..., None])[..., 0]


def info_nce(queries, keys, *, temperature):
    return F.cross_entropy(_matmul(queries, keys.T) / temperature, torch.arange(len(queries)))
