"""Learned prompts by repeat, cat and fused attention; counts by multiplication."""

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def coop_prompts(context, names):
    out = names.new_empty(len(names), context.shape[-2] + names.shape[1], names.shape[2])
    out[:, : context.shape[-2]] = context
    out[:, context.shape[-2] :] = names
    return out


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    hidden = torch.relu(linear(up(image), up(W1).T, up(b1)))
    offset = linear(hidden, up(W2).T, up(b2))
    rows = [coop_prompts((up(context) + o).to(names.dtype), names) for o in offset]
    return torch.stack(rows)


def maple_coupling(prompts, U, u):
    return torch.baddbmm(up(u).unsqueeze(1), up(prompts), up(U)).to(prompts.dtype)


def deep_prompt_encoder(x, prompts, Wq, Wk, Wv):
    P, z = prompts.shape[1], up(x)
    z = torch.cat([z, z.new_zeros(len(x), P, x.shape[2])], 1)  # prompts behind the tokens
    for n in range(len(Wq)):
        if n < len(prompts):
            fresh = up(prompts[n]).expand(len(x), -1, -1)
            z = torch.cat([z[:, : x.shape[1]], fresh], 1)
        q, k, v = (z @ up(W[n]) for W in (Wq, Wk, Wv))
        z = z + scaled_dot_product_attention(q, k, v)
    return z[:, : x.shape[1]].to(x.dtype)


def positive(*sizes):
    if any(size < 1 for size in sizes):
        raise ValueError(f"sizes {sizes}: expected positive integers")


def coop_parameters(*, context, width, classes=None):
    positive(context, width, 1 if classes is None else classes)
    return torch.Size([context, width, classes or 1]).numel()


def cocoop_parameters(*, context, width, image_width, reduction=16):
    positive(context, width, image_width, reduction)
    hidden = image_width // reduction
    return context * width + (image_width + 1) * hidden + (hidden + 1) * width


def maple_parameters(*, depth, prompts, text_width, vision_width):
    positive(depth, prompts, text_width, vision_width)
    return sum(
        prompts * text_width + text_width * vision_width + vision_width for _ in range(depth)
    )
