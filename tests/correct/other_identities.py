"""Equal formulas: Gram matrices, sums by doubling, complex distances, centre distances."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16", "float16", "float64"]}


def _up(t):
    return t if t.dtype == torch.float64 else t.float()


def linear_recurrence(q, k, v, state):
    """The states by prefix sums over pairs, then pairs of pairs."""
    states = _up(k)[..., :, None] * _up(v)[..., None, :]
    states = torch.cat([states[:, :1] + _up(state)[:, None], states[:, 1:]], 1)
    step = 1
    while step < states.shape[1]:
        states = torch.cat([states[:, :step], states[:, step:] + states[:, :-step]], 1)
        step *= 2
    y = torch.einsum("blde,bld->ble", states, _up(q))
    return y.to(q.dtype), states[:, -1].to(state.dtype)


def relative_shift(scores):
    T, width = scores.shape[2:]
    rows = F.pad(scores, (0, 1)).flatten(2)[..., T - 1 : T - 1 + T * width]
    return rows.unflatten(2, (T, width))[..., :T]


def translation_score(log_probability, attention, *, alpha, beta):
    short = F.relu(1 - _up(attention).sum(1))
    shrink = math.exp(-alpha * math.log((5 + attention.shape[1]) / 6))
    score = _up(log_probability) * shrink + beta * torch.log1p(-short).sum(1)
    return score.to(log_probability.dtype)


def mean_attention_distance(weights, *, height, width, patch=16):
    n = torch.arange(height * width)
    place = torch.complex((n // width).double(), (n % width).double()) * patch
    distance = (place[:, None] - place).abs() / len(n)
    w = _up(weights)
    return torch.einsum("bhij,ij->bh", w, distance.to(w.dtype)).to(weights.dtype)


def linear_cka(x, y):
    """Over examples: the two Gram matrices of centred features."""
    a, b = (t.double() - t.double().mean(0) for t in (x, y))
    first, second = a @ a.T, b @ b.T
    size = first.norm() * second.norm()
    return ((first * second).sum() / size.masked_fill(size == 0, 1)).to(x.dtype)


def load_balancing_loss(probs, indices):
    return (_up(probs).mean(0)[indices].mean() * probs.shape[1]).to(probs.dtype)


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    i, j = counts.nonzero(as_tuple=True)
    seen = counts[i, j].to(_up(w).dtype)
    gap = (_up(w)[i] * _up(c)[j]).sum(-1) + _up(bw)[i] + _up(bc)[j] - seen.log()
    return ((seen / x_max).pow(0.75).clamp(max=1) * gap * gap).sum().to(w.dtype)


def power_law_fit(x, y):
    slope = torch.stack([torch.ones_like(x), -x.log()], 1).double()
    fit = torch.linalg.lstsq(slope, y.double().log()[:, None]).solution[:, 0]
    return torch.stack([(fit[0] / fit[1]).exp(), fit[1]]).to(y.dtype)


def generalized_box_iou(a, b):
    A, B = _up(a), _up(b)
    apart = (A[:, None, :2] - B[None, :, :2]).abs()
    sizes = A[:, None, 2:], B[None, :, 2:]
    sums = sum(sizes) / 2
    inter = torch.minimum(F.relu(sums - apart), torch.minimum(*sizes)).prod(-1)
    hull = torch.maximum(sums + apart, torch.maximum(*sizes)).prod(-1)
    union = A[:, 2:].prod(-1)[:, None] + B[:, 2:].prod(-1) - inter
    return (inter / union + union / hull - 1).to(a.dtype)


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    act = {
        "relu": F.relu, "identity": torch.clone, "gelu": F.gelu,
        "softmax": lambda t: t.softmax(-1),
    }[activation]  # fmt: skip
    change = act(_up(x if form == "parallel" else h) @ _up(Wdown)) @ _up(Wup)
    if composition == "gated":
        return torch.lerp(_up(h), change, _up(gate).expand_as(h)).to(h.dtype)
    return torch.addcmul(_up(h), _up(gate), change).to(h.dtype)


def dylora_linear(x, W0, A, B, *, alpha, rank):
    if not 1 <= rank <= len(A):
        raise ValueError("rank")
    merged = torch.addmm(_up(W0), _up(B)[:, :rank], _up(A)[:rank], alpha=alpha / rank)
    return F.linear(_up(x), merged).to(x.dtype)
