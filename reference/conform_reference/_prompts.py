"""Learned prompts of vision-language models: CoOp, CoCoOp, MaPLe, visual prompt tuning."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attend import attend
from conform_reference.rounding import mark, use_by_use


def coop_prompts(context: Tensor, names: Tensor) -> Tensor:
    """[context, class name] for each class: names[C,N,E] -> [C,M+N,E].

    context[M,E] is shared by the classes (unified) or context[C,M,E] is each class's own. Raises
    ValueError for shapes that do not fit. Source: Zhou et al. 2021, arXiv:2109.01134, eq. 2.
    """
    _check.rank("names", names, "C N E")
    if context.dim() == 2:
        context = use_by_use(context, names.shape[0])
    _check.rank("context", context, "C M E")
    _check.same("classes", "context.shape[0]", context.shape[0], "names.shape[0]", names.shape[0])
    _check.same("width", "context.shape[-1]", context.shape[-1], "names.shape[2]", names.shape[2])
    return torch.cat([context.to(names.dtype), names], dim=1)


def cocoop_prompts(
    image: Tensor, context: Tensor, names: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """[context + pi(image), class name] for each image and class -> [B,C,M+N,E].

    pi(x) = relu(x W1 + b1) W2 + b2, one offset for all context vectors: image[B,D], context[M,E],
    names[C,N,E], W1[D,R], b1[R], W2[R,E], b2[E]. Raises ValueError for shapes that do not fit.
    Source: Zhou et al. 2022, arXiv:2203.05557, section 3.2.
    """
    _check.rank("image", image, "B D")
    _check.rank("context", context, "M E")
    _check.rank("names", names, "C N E")
    _check.same("width", "image.shape[1]", image.shape[1], "W1.shape[0]", W1.shape[0])
    _check.same("width", "W2.shape[1]", W2.shape[1], "context.shape[1]", context.shape[1])
    _check.same("width", "context.shape[1]", context.shape[1], "names.shape[2]", names.shape[2])
    dtype = _check.compute_dtype(image, context, W1, b1, W2, b2)
    up = mark("product", image.to(dtype) @ W1.to(dtype))
    hidden = mark("hidden", torch.relu(mark("preactivation", up + b1.to(dtype))))
    offset = mark("offset", mark("product", hidden @ W2.to(dtype)) + b2.to(dtype))
    B, C = image.shape[0], names.shape[0]
    # Prompts are built image by image and class by class; what comes back is added up likewise.
    shared = use_by_use(context.to(dtype), B * C).unflatten(0, (B, C))
    shift = use_by_use(offset, C).transpose(0, 1).unsqueeze(2)  # [B,C,1,E]
    left = mark("moved", shared + shift).to(names.dtype)
    right = use_by_use(names, B)
    return torch.cat([left, right], dim=2)


def maple_coupling(prompts: Tensor, U: Tensor, u: Tensor) -> Tensor:
    """Vision prompts from text prompts, layer by layer: prompts[J,P,T] U[J,T,V] + u[J,V].

    -> [J,P,V]. Raises ValueError for shapes that do not fit.
    Source: Khattak et al. 2022, arXiv:2210.03117, section 3.2.3.
    """
    _check.rank("prompts", prompts, "J P T")
    _check.rank("U", U, "J T V")
    _check.same("depth", "prompts.shape[0]", prompts.shape[0], "U.shape[0]", U.shape[0])
    _check.same("depth", "u.shape[0]", u.shape[0], "U.shape[0]", U.shape[0])
    _check.same("width", "prompts.shape[2]", prompts.shape[2], "U.shape[1]", U.shape[1])
    dtype = _check.compute_dtype(prompts, U, u)
    product = mark("product", prompts.to(dtype) @ U.to(dtype))
    return (product + u.to(dtype).unsqueeze(1)).to(prompts.dtype)


def _layer(x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """x + attention(x Wq, x Wk, x Wv), one head without a mask: x[B,L,E]."""
    q, k, v = (
        mark(name, mark("backward.reads", x) @ W)
        for name, W in (("query", Wq), ("key", Wk), ("value", Wv))
    )
    visible = torch.ones(1, 1, 1, x.shape[1], dtype=torch.bool, device=x.device)
    visible = visible.expand(x.shape[0], 1, x.shape[1], x.shape[1])
    o = attend(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), visible=visible)[0]
    return mark("layer", x + mark("attended", o.squeeze(1)))


def deep_prompt_encoder(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """Layers l = 1..N over [P, x], whose first J get prompts of their own -> [B,L,E], x's part.

    x[B,L,E], prompts[J,P,E] with 1 <= J <= N, Wq, Wk, Wv[N,E,E]; layer(z) = z + attention(z Wq,
    z Wk, z Wv) with one head. Layer l <= J reads prompts[l-1] in the place of what the layer before
    put out there; later layers go on with those outputs. J = 1 is shallow, J = N deep visual prompt
    tuning, J between is MaPLe. Raises ValueError for shapes that do not fit or J outside of 1..N.
    Source: Jia et al. 2022, arXiv:2203.12119, eq. 4 to 7; MaPLe: arXiv:2210.03117, eq. 3 and 4.
    """
    _check.rank("x", x, "B L E")
    _check.rank("prompts", prompts, "J P E")
    for name, W in (("Wq", Wq), ("Wk", Wk), ("Wv", Wv)):
        _check.rank(name, W, "N E E")
        _check.same("number of layers", f"{name}.shape[0]", W.shape[0], "Wq.shape[0]", Wq.shape[0])
    layers, depth, slots = Wq.shape[0], prompts.shape[0], prompts.shape[1]
    if not 1 <= depth <= layers:
        raise ValueError(
            f"prompts.shape[0]={depth}: expected 1 to {layers}, one group for each prompted layer"
        )
    _check.same("width", "x.shape[2]", x.shape[2], "prompts.shape[2]", prompts.shape[2])
    dtype = _check.compute_dtype(x, prompts, Wq, Wk, Wv)
    tokens, slot_values = x.to(dtype), prompts[0].to(dtype)
    for n in range(layers):
        if n < depth:
            slot_values = prompts[n].to(dtype).unsqueeze(0).expand(x.shape[0], -1, -1)
        both = torch.cat([slot_values, tokens], dim=1)
        both = _layer(both, Wq[n].to(dtype), Wk[n].to(dtype), Wv[n].to(dtype))
        slot_values, tokens = both[:, :slots], both[:, slots:]
    return tokens.to(x.dtype)


def _sizes(**sizes: int | None) -> None:
    for name, value in sizes.items():
        if value is not None:
            _check.at_least(name, value, 1)


def coop_parameters(*, context: int, width: int, classes: int | None = None) -> int:
    """Numbers trained by CoOp: context * width, times `classes` where each has its own context.

    Raises ValueError for sizes that are not positive integers. Source: arXiv:2109.01134, 3.1.
    """
    _sizes(context=context, width=width, classes=classes)
    return context * width * (1 if classes is None else classes)


def cocoop_parameters(*, context: int, width: int, image_width: int, reduction: int = 16) -> int:
    """Numbers trained by CoCoOp: the context and a two-layer net of image_width // reduction.

    Raises ValueError for sizes that are not positive integers or a reduction that does not divide.
    Source: Zhou et al. 2022, arXiv:2203.05557, section 3.2.
    """
    _sizes(context=context, width=width, image_width=image_width, reduction=reduction)
    _check.divides("reduction", reduction, "image_width", image_width)
    hidden = image_width // reduction
    return context * width + image_width * hidden + hidden + hidden * width + width


def maple_parameters(*, depth: int, prompts: int, text_width: int, vision_width: int) -> int:
    """Numbers trained by MaPLe: text prompts of `depth` layers, and their affine couplings.

    Raises ValueError for sizes that are not positive integers. Source: arXiv:2210.03117, 3.2.
    """
    _sizes(depth=depth, prompts=prompts, text_width=text_width, vision_width=vision_width)
    return depth * (prompts * text_width + (text_width + 1) * vision_width)
