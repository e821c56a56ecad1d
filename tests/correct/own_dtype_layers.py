"""Plain eager layers in the tensors' own dtype, as a paper's code would have them."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"lora_training_step": {"differentiable": False}},
}


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    shift = F.linear(F.relu(F.linear(image, W1.T, b1)), W2.T, b2)
    moved = context.unsqueeze(0) + shift.unsqueeze(1)
    B, C = len(image), len(names)
    return torch.cat(
        [moved.unsqueeze(1).expand(-1, C, -1, -1), names.unsqueeze(0).expand(B, -1, -1, -1)], 2
    )


def maple_coupling(prompts, U, u):
    return torch.stack([F.linear(p, W.T, b) for p, W, b in zip(prompts, U, u, strict=True)])


def deep_prompt_encoder(x, prompts, Wq, Wk, Wv):
    P, z = prompts.shape[1], x
    held = None
    for n in range(len(Wq)):
        held = prompts[n].expand(len(x), -1, -1) if n < len(prompts) else held
        y = torch.cat([held, z], 1)
        y = y + F.scaled_dot_product_attention(y @ Wq[n], y @ Wk[n], y @ Wv[n])
        held, z = y[:, :P], y[:, P:]
    return z


def mae_loss(prediction, target, mask):
    loss = ((prediction - target) ** 2).mean(-1)
    return (loss * mask).sum() / mask.sum()


def maskgit_loss(logits, tokens, mask):
    return F.cross_entropy(logits[mask], tokens[mask])


def detr_cost(logits, boxes, labels, targets, *, class_weight=1.0, l1_weight=5.0, giou_weight=2.0):
    def corners(b):
        c, s = b[:, :2], b[:, 2:]
        return torch.cat([c - 0.5 * s, c + 0.5 * s], -1)

    def area(b):
        return (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])

    p, q = corners(boxes), corners(targets)
    inner = (
        (torch.min(p[:, None, 2:], q[:, 2:]) - torch.max(p[:, None, :2], q[:, :2]))
        .clamp(min=0)
        .prod(-1)
    )
    union = area(p)[:, None] + area(q) - inner
    hull = (
        (torch.max(p[:, None, 2:], q[:, 2:]) - torch.min(p[:, None, :2], q[:, :2]))
        .clamp(min=0)
        .prod(-1)
    )
    giou = inner / union - (hull - union) / hull
    far = (boxes[:, None] - targets[None]).abs().sum(-1)
    return l1_weight * far - class_weight * logits.softmax(-1)[:, labels] - giou_weight * giou


def conv_projection(x, kernel, W, *, stride=1):
    k = kernel.shape[-1]
    y = F.conv2d(
        x.permute(0, 3, 1, 2), kernel[:, None], stride=stride, padding=k // 2, groups=len(kernel)
    )
    return y.flatten(2).transpose(1, 2) @ W


def metaformer_block(x, mixer, gamma1, beta1, gamma2, beta2, W1, b1, W2, b2, *, eps=1e-5):
    E = x.shape[-1:]
    x = x + mixer(F.layer_norm(x, E, gamma1, beta1, eps))
    y = F.layer_norm(x, E, gamma2, beta2, eps)
    return x + F.linear(F.gelu(F.linear(y, W1.T, b1)), W2.T, b2)


def smooth_quant(x, W, *, alpha=0.5):
    s = x.abs().amax(0).pow(alpha) / W.abs().amax(1).pow(1 - alpha)
    return x / s, s[:, None] * W


def depthwise_separable_convolution(x, depthwise, pointwise):
    y = F.conv2d(x, depthwise[:, None], groups=len(depthwise))
    return F.conv2d(y, pointwise.T[..., None, None])


def answer_loss(logits, tokens, prompt_lengths):
    labels = tokens.masked_fill(torch.arange(tokens.shape[1]) < prompt_lengths[:, None], -100)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError(f"micro_batch={micro_batch}")
    total = (tokens[:, 1:] != ignore_index).sum()
    return sum(
        F.cross_entropy(
            a[:, :-1].flatten(0, 1), t[:, 1:].flatten(), ignore_index=ignore_index, reduction="sum"
        )
        / total
        for a, t in zip(logits.split(micro_batch), tokens.split(micro_batch), strict=True)
    )


def next_sentence_loss(h, W, b, follows):
    return F.cross_entropy(F.linear(h[:, 0], W.T, b), (~follows).long())


def rnn_log_likelihood(tokens, table, Wx, Wh, b, Wo):
    h, total = table.new_zeros(len(tokens), len(Wh)), 0
    for t in tokens.unbind(1):
        total = total + torch.log_softmax(h @ Wo, -1).gather(1, t[:, None])[:, 0]
        h = torch.tanh(table[t] @ Wx + h @ Wh + b)
    return total


def text_cnn(x, W, b):
    return F.relu(F.conv1d(x.mT, W.permute(2, 1, 0), b)).amax(-1)


def dilated_stack(x, W, b):
    for n in range(len(W)):
        y = F.pad(x.mT, ((W.shape[1] - 1) * 2**n, 0))
        y = F.conv1d(y, W[n].permute(2, 1, 0), b[n], dilation=2**n).mT
        x = y if n == len(W) - 1 else F.relu(y)
    return x


def dora_merge(W0, A, B, magnitude, *, alpha):
    V = W0 + (alpha / len(A)) * (B @ A)
    return magnitude[:, None] * F.normalize(V, dim=1, eps=0.0)


def dylora_linear(x, W0, A, B, *, alpha, rank):
    if not 1 <= rank <= len(A):
        raise ValueError(f"rank={rank}")
    return F.linear(x, W0) + F.linear(F.linear(x, A[:rank]), B[:, :rank]) * (alpha / rank)


def lora_training_step(x, target, W0, A, B, *, alpha, lr, weight_decay=0.0):
    with torch.enable_grad():
        a, b = A.detach().requires_grad_(), B.detach().requires_grad_()
        y = F.linear(x, W0) + F.linear(F.linear(x, a), b) * (alpha / len(A))
        loss = ((y - target) ** 2).sum() / (2 * len(x))
        ga, gb = torch.autograd.grad(loss, (a, b))
    keep = 1 - lr * weight_decay
    return W0.clone(), (A * keep - lr * ga).detach(), (B * keep - lr * gb).detach()


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(-3, -2)

    q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
    pk, pv = split(prompt @ Wk), split(prompt @ Wv)
    own = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    more = F.scaled_dot_product_attention(
        q, pk.expand(len(x), -1, -1, -1), pv.expand(len(x), -1, -1, -1)
    )
    o = own + torch.tanh(gate)[:, None, None] * more
    return F.linear(o.transpose(1, 2).flatten(2), Wo.T, bo)


def biased_attention(x, Wq, bq, Wk, bk, Wv, bv, *, heads, causal=False):
    q, k, v = (
        F.linear(x, W.T, b).unflatten(-1, (heads, -1)).transpose(1, 2)
        for W, b in ((Wq, bq), (Wk, bk), (Wv, bv))
    )
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)


def action_detokenize(tokens, low, high, *, bins=256):
    return low + tokens * ((high - low) / (bins - 1))


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    k, v = torch.einsum("bhnd,rn->bhrd", k, Ek), torch.einsum("bhnd,rn->bhrd", v, Ev)
    s = torch.einsum("bhld,bhrd->bhlr", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    return torch.softmax(s, -1) @ v


def smyrf_transform(q, k):
    a, b = (q * q).sum(-1, keepdim=True), (k * k).sum(-1, keepdim=True)
    top = a.amax(-2, keepdim=True) + b.amax(-2, keepdim=True)
    return (
        torch.cat([q, torch.zeros_like(a), (top - a).clamp(min=0).sqrt()], -1),
        torch.cat([k, (top - b).clamp(min=0).sqrt(), torch.zeros_like(b)], -1),
    )
