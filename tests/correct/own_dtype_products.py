"""Plain eager code in the tensors' own dtype, products written out and summed."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def bilinear_score(h, s, W):
    return ((h @ W) * s.unsqueeze(1)).sum(-1)


def additive_score(h, s, W, v):
    joined = torch.cat([h, s.unsqueeze(1).expand(-1, h.size(1), -1)], dim=2)
    return (torch.tanh(F.linear(joined, W)) * v).sum(dim=2)


def seq2seq_attention(h, e):
    w = F.softmax(e, dim=1)
    return (w.unsqueeze(-1) * h).sum(dim=1), w


def skipgram_loss(centre, context, negatives):
    good = F.logsigmoid((centre * context).sum(1))
    bad = F.logsigmoid(-(negatives * centre.unsqueeze(1)).sum(2)).sum(1)
    return -(good + bad).mean()


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    counts = counts.to(w.dtype)
    known = counts > 0
    safe = torch.where(known, counts, 1)
    weight = torch.where(known, (safe / x_max).clamp(max=1) ** 0.75, 0)
    gap = w @ c.T + bw[:, None] + bc - safe.log()
    return (weight * gap**2).sum()


def info_nce(queries, keys, *, temperature):
    return F.cross_entropy(queries @ keys.T / temperature, torch.arange(len(queries)))


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    ratio = (chosen - rejected) - (chosen_reference - rejected_reference)
    return -F.logsigmoid(beta * ratio).mean()


def clip_logits(image, text, *, temperature):
    return F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).t() / temperature


def clip_loss(image, text, *, temperature):
    image, text = (x / x.norm(dim=-1, keepdim=True) for x in (image, text))
    logits = image @ text.T * (1 / temperature)
    at = torch.arange(len(image))
    return 0.5 * (F.cross_entropy(logits, at) + F.cross_entropy(logits.T, at))


def clip_zero_shot(image, classes, *, temperature):
    return clip_logits(image, classes, temperature=temperature).softmax(-1)


def clip_class_embeddings(prompts):
    return F.normalize(F.normalize(prompts, dim=-1).mean(1), dim=-1)


def distillation_loss(student, teacher, *, temperature=1.0):
    a, b = F.log_softmax(student / temperature, -1), F.softmax(teacher / temperature, -1)
    return F.kl_div(a, b, reduction="batchmean") * temperature**2


def pooled_classifier(features, W, b):
    return F.linear(F.adaptive_avg_pool2d(features, 1).flatten(1), W.T, b)


def neighbour_similarity(x):
    total, count = x.new_zeros(x.shape[:-1]), x.new_zeros(x.shape[1:-1])
    across = F.cosine_similarity(x[:, :, 1:], x[:, :, :-1], dim=-1)
    down = F.cosine_similarity(x[:, 1:], x[:, :-1], dim=-1)
    total = (
        total
        + F.pad(across, (1, 0))
        + F.pad(across, (0, 1))
        + F.pad(down, (0, 0, 1, 0))
        + F.pad(down, (0, 0, 0, 1))
    )
    one = x.new_ones(x.shape[1:-1])
    count = (
        F.pad(one[:, 1:], (1, 0))
        + F.pad(one[:, 1:], (0, 1))
        + F.pad(one[1:], (0, 0, 1, 0))
        + F.pad(one[1:], (0, 0, 0, 1))
    )
    return total / count


def grid_smoothness(x):
    across, down = x[:, :, 1:] - x[:, :, :-1], x[:, 1:] - x[:, :-1]
    edges = across[0, ..., 0].numel() + down[0, ..., 0].numel() if len(x) else 1
    return (across.pow(2).sum((1, 2, 3)) + down.pow(2).sum((1, 2, 3))) / edges


def patch_norms(tokens, *, first_patch=1):
    return tokens[:, first_patch:].norm(dim=-1)


def class_attention_map(q, k, *, height, width, first_patch=1):
    s = (q[:, :, :1] @ k.transpose(-2, -1)) * q.size(-1) ** -0.5
    return s.softmax(-1)[:, :, 0, first_patch : first_patch + height * width].unflatten(
        -1, (height, width)
    )


def mean_attention_distance(weights, *, height, width, patch=16):
    at = torch.cartesian_prod(torch.arange(height), torch.arange(width)).double() * patch
    return (weights * torch.cdist(at, at).to(weights.dtype)).sum(-1).mean(-1)


def sam_masks(embedding, tokens):
    return torch.einsum("bchw,bpmc->bpmhw", embedding, tokens)


def translation_score(log_probability, attention, *, alpha, beta):
    penalty = ((5 + attention.size(1)) / 6) ** alpha
    return log_probability / penalty + beta * attention.sum(1).clamp(max=1).log().sum(-1)


def subspace_update(theta, P, z):
    return theta + P @ z


def lora_plus_step(A, B, grad_A, grad_B, *, lr, ratio=16.0):
    return A - lr * grad_A, B - lr * ratio * grad_B


def rnn_step(x, h, Wx, Wh, b):
    return torch.tanh(torch.cat([x, h], -1) @ torch.cat([Wx, Wh]) + b)


def rope_score(q, k, distance, *, base=10000.0, scaling=1.0):
    half = q.size(-1) // 2
    angle = (
        distance.unsqueeze(-1).double()
        / scaling
        * base ** (-torch.arange(half, dtype=torch.float64) / half)
    )
    (a, b), (c, d) = q.chunk(2, -1), k.chunk(2, -1)
    cos, sin = angle.cos().to(q.dtype), angle.sin().to(q.dtype)
    return ((a * c + b * d) * cos + (a * d - b * c) * sin).sum(-1)
