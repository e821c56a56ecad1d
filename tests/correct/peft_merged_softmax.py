"""Prefixes merged by log-sum-exps, adapters by lerp and addcmul, prompts by index."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
    "softmax": lambda x: torch.softmax(x, -1),
    "tanh": torch.tanh,
}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _part(q, k, v, hidden, scale):
    s = torch.einsum("bhld,bhmd->bhlm", q, k) * scale
    empty = torch.zeros(s.shape[-2], 1, dtype=torch.bool)
    if hidden is not None:
        empty = hidden.all(-1, keepdim=True)
        s = torch.where(hidden & ~empty, -torch.inf, s)
    top = s.detach().amax(-1, keepdim=True) if s.shape[-1] else s.sum(-1, keepdim=True)
    e = torch.where(empty, 0, torch.exp(s - top))
    return e @ v, e.sum(-1, keepdim=True), top


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    b, h, lq, d = q.shape
    lk = k.shape[2]
    scale = d**-0.5 if scale is None else scale
    k, v = (_wide(t).repeat_interleave(h // t.shape[1], 1) for t in (k, v))
    hidden = torch.arange(lk) > torch.arange(lq)[:, None] + lk - lq if causal else None
    if not pk.shape[1] or not lk:
        both = (
            [(k, v, hidden)]
            if lk
            else [(_wide(pk).expand(b, -1, -1, -1), _wide(pv).expand(b, -1, -1, -1), None)]
        )
    else:
        both = [
            (_wide(pk).expand(b, -1, -1, -1), _wide(pv).expand(b, -1, -1, -1), None),
            (k, v, hidden),
        ]
    parts = [_part(_wide(q), *p, scale) for p in both]
    top = torch.stack([torch.where(t > 0, p, -torch.inf) for _, t, p in parts]).amax(0)
    top = torch.where(top == -torch.inf, 0, top)
    o = sum(n * torch.where(t > 0, torch.exp(p - top), 0) for n, t, p in parts)
    total = sum(t * torch.where(t > 0, torch.exp(p - top), 0) for _, t, p in parts)
    return (o / torch.where(total == 0, 1, total)).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    b, h, lq, d = q.shape
    lk = k.shape[2]
    k, v = (_wide(t).repeat_interleave(h // t.shape[1], 1) for t in (k, v))
    hidden = torch.arange(lk) > torch.arange(lq)[:, None] + lk - lq if causal else None
    n, t, _ = _part(_wide(q), k, v, hidden, d**-0.5)
    pn, pt, _ = _part(
        _wide(q), _wide(pk).expand(b, -1, -1, -1), _wide(pv).expand(b, -1, -1, -1), None, d**-0.5
    )
    tokens = n / torch.where(t == 0, 1, t)
    prompts = pn / pt if pk.shape[1] else 0 * n
    return (tokens + torch.tanh(_wide(gate))[:, None, None] * prompts).to(q.dtype)


def parallel_adapter(x, h, Wdown, bdown, Wup, bup, *, activation="relu", scaling=1.0):
    return torch.add(h, ACT[activation](x @ Wdown + bdown) @ Wup + bup, alpha=scaling)


def unified_delta(x, h, Wdown, Wup, gate, *, form="parallel", activation="relu", composition="add"):
    change = ACT[activation]((x if form == "parallel" else h) @ Wdown) @ Wup
    return (
        torch.lerp(h, change, gate.expand_as(h))
        if composition != "add"
        else torch.addcmul(h, gate, change)
    )


def prompt_tuning(embeddings, prompt):
    B, L, E = embeddings.shape
    out = embeddings.new_empty(B, L + len(prompt), E)
    return out.index_copy(1, torch.arange(len(prompt)), prompt.expand(B, -1, -1)).index_copy(
        1, torch.arange(L) + len(prompt), embeddings
    )


def mixed_prompts(embeddings, prompts, tasks):
    return torch.cat(
        [F.embedding(tasks, prompts.flatten(1)).unflatten(1, prompts.shape[1:]), embeddings], 1
    )


def p_tuning_embedding(tokens, table, prompt):
    return F.embedding(tokens, torch.cat([table, prompt]))


def multitask_prompt(prompt, u, v, tasks):
    return prompt * torch.einsum("tp,te->tpe", u[tasks], v[tasks])


def ia3_feed_forward(x, W1, b1, W2, b2, scale, *, activation="relu"):
    return (ACT[activation](x @ W1 + b1) * scale) @ W2 + b2


def fine_tune_step(theta, gradient, trainable, *, learning_rate=0.1):
    return torch.where(trainable, theta - learning_rate * gradient, theta)
