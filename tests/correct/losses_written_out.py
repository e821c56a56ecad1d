"""Losses and softmaxes written out in the input's dtype; the maximum is not detached."""

import torch


def lse(x):
    m = x.max(-1, keepdim=True).values
    return (m + (x - m).exp().sum(-1, keepdim=True).log()).squeeze(-1)


def soft(x):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def nats(x, t):
    return lse(x) - x.gather(-1, t[..., None])[..., 0]


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x, t = logits[:, :-1], tokens[:, 1:]
    kept = t != ignore_index
    return torch.where(kept, nats(x, t.masked_fill(~kept, 0)), 0.0).sum() / kept.sum()


def masked_language_model_loss(logits, tokens, selected):
    return nats(logits[selected], tokens[selected]).mean()


def maskgit_loss(logits, tokens, mask):
    return (nats(logits, tokens) * mask).sum() / mask.sum()


def info_nce(queries, keys, *, temperature):
    s = queries @ keys.T / temperature
    return (lse(s) - s.diagonal()).mean()


def clip_loss(image, text, *, temperature):
    a = image / image.norm(dim=-1, keepdim=True)
    b = text / text.norm(dim=-1, keepdim=True)
    s = a @ b.T / temperature
    d = s.diagonal()
    return ((lse(s) - d).mean() + (lse(s.T) - d).mean()) / 2


def distillation_loss(student, teacher, *, temperature=1.0):
    a, b = student / temperature, teacher / temperature
    a, b = a - lse(a)[:, None], b - lse(b)[:, None]
    return (b.exp() * (b - a)).sum(-1).mean() * temperature**2


def seq2seq_attention(h, e):
    w = soft(e)
    return torch.einsum("bt,btd->bd", w, h), w


def router(x, Wg, *, top_k=1):
    p = soft(x @ Wg)
    i = p.topk(top_k, -1).indices
    return i, p.gather(-1, i)


def clip_zero_shot(image, classes, *, temperature):
    a = image / image.norm(dim=-1, keepdim=True)
    b = classes / classes.norm(dim=-1, keepdim=True)
    return soft(a @ b.T / temperature)


def constrained_probabilities(logits, allowed):
    x = logits.masked_fill(~allowed, torch.finfo(logits.dtype).min)
    return soft(x) * allowed


def class_attention_map(q, k, *, height, width, first_patch=1):
    s = (q[:, :, :1] @ k.mT / q.shape[-1] ** 0.5).squeeze(2)
    return soft(s)[..., first_patch : first_patch + height * width].unflatten(-1, (height, width))


def softmax(x):
    return soft(x)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"], "operators": {}}
