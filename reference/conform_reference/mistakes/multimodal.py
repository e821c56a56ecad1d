"""Wrong relatives of contrastive losses and of learned prompts."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from conform_reference import multimodal as right
from conform_reference._check import compute_dtype
from conform_reference._prompts import _layer


def _cosines(image: Tensor, text: Tensor) -> Tensor:
    dtype = compute_dtype(image, text)
    return normalize(image.to(dtype), dim=-1) @ normalize(text.to(dtype), dim=-1).T


def _direction(logits: Tensor, dim: int) -> Tensor:
    return -torch.diagonal(torch.log_softmax(logits, dim)).mean()


def _both(logits: Tensor, like: Tensor) -> Tensor:
    return ((_direction(logits, 0) + _direction(logits, 1)) / 2).to(like.dtype)


def clip_rows_only(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """The cross entropy over texts alone."""
    return _direction(_cosines(image, text) / temperature, 1).to(image.dtype)


def clip_columns_only(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """The cross entropy over images alone."""
    return _direction(_cosines(image, text) / temperature, 0).to(image.dtype)


def logits_not_normalised(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Raw inner products."""
    dtype = compute_dtype(image, text)
    return (image.to(dtype) @ text.to(dtype).T / temperature).to(image.dtype)


def clip_not_normalised(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Raw inner products."""
    dtype = compute_dtype(image, text)
    return _both(image.to(dtype) @ text.to(dtype).T / temperature, image)


def clip_text_not_normalised(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Only the images are normalised."""
    dtype = compute_dtype(image, text)
    return _both(normalize(image.to(dtype), dim=-1) @ text.to(dtype).T / temperature, image)


def clip_normalised_over_batch(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Each feature is divided by its length over the batch."""
    dtype = compute_dtype(image, text)
    left, right_ = normalize(image.to(dtype), dim=0), normalize(text.to(dtype), dim=0)
    return _both(left @ right_.T / temperature, image)


def clip_labels_rolled(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """In both directions item i is scored on partner i - 1."""
    logits = _cosines(image, text) / temperature
    rows, columns = logits.roll(1, 1), logits.roll(1, 0)
    return ((_direction(rows, 1) + _direction(columns, 0)) / 2).to(image.dtype)


def clip_without_positive(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """The pair itself is left out of the denominators."""
    logits = _cosines(image, text) / temperature
    hidden = torch.eye(logits.shape[0], dtype=torch.bool)
    others, own = logits.masked_fill(hidden, -torch.inf), torch.diagonal(logits)
    rows, columns = torch.logsumexp(others, 1), torch.logsumexp(others, 0)
    return (((rows - own).mean() + (columns - own).mean()) / 2).to(image.dtype)


def clip_cropped(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Images without a text are dropped instead of refused."""
    count = min(image.shape[0], text.shape[0])
    return right.clip_loss(image[:count], text[:count], temperature=temperature)


def logits_squared_norm(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Divided by the squares of the lengths."""
    dtype = compute_dtype(image, text)
    a, b = image.to(dtype), text.to(dtype)
    a, b = a / (a * a).sum(-1, keepdim=True), b / (b * b).sum(-1, keepdim=True)
    return (a @ b.T / temperature).to(image.dtype)


def zero_shot_over_images(image: Tensor, classes: Tensor, *, temperature: float) -> Tensor:
    """The softmax runs over the images."""
    return torch.softmax(_cosines(image, classes) / temperature, 0).to(image.dtype)


def zero_shot_not_normalised(image: Tensor, classes: Tensor, *, temperature: float) -> Tensor:
    """Raw inner products."""
    dtype = compute_dtype(image, classes)
    scores = image.to(dtype) @ classes.to(dtype).T / temperature
    return torch.softmax(scores, -1).to(image.dtype)


def zero_shot_rest(image: Tensor, classes: Tensor, *, temperature: float) -> Tensor:
    """Sigmoids for all classes but the last, which gets what is left of 1."""
    each = torch.sigmoid(_cosines(image, classes) / temperature)[:, :-1]
    return torch.cat([each, 1 - each.sum(-1, keepdim=True)], -1).to(image.dtype)


def clip_first_pair(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """Only the first pair of the batch is scored, against the first two texts and images."""
    logits = (_cosines(image, text) / temperature)[:2, :2]
    rows, columns = torch.log_softmax(logits, 1)[0, 0], torch.log_softmax(logits, 0)[0, 0]
    return (-(rows + columns) / 2).to(image.dtype)


def classes_not_renormalised(prompts: Tensor) -> Tensor:
    """The mean of the unit embeddings as it is."""
    units = normalize(prompts.to(compute_dtype(prompts)), dim=-1)
    return units.mean(1).to(prompts.dtype)


def classes_normalised_once(prompts: Tensor) -> Tensor:
    """The mean of the raw embeddings, normalised."""
    return normalize(prompts.to(compute_dtype(prompts)).mean(1), dim=-1).to(prompts.dtype)


def coop_added(context: Tensor, names: Tensor) -> Tensor:
    """The context's sum leaks into the first vector of each name."""
    out = right.coop_prompts(context, names)
    place = torch.arange(out.shape[1]) == context.shape[-2]
    return out + place[:, None] * context.sum(-2, keepdim=True).to(out.dtype)


def coop_names_first(context: Tensor, names: Tensor) -> Tensor:
    """The class name comes first."""
    return torch.roll(right.coop_prompts(context, names), names.shape[1], 1)


def coop_per_image(context: Tensor, names: Tensor) -> Tensor:
    """The texts are made once more for a second image."""
    return right.coop_prompts(context, names).repeat(2, 1, 1)


def coop_one_name(context: Tensor, names: Tensor) -> Tensor:
    """Every class gets the first class's name."""
    return right.coop_prompts(context, names[:1].expand_as(names))


def coop_pads(context: Tensor, names: Tensor) -> Tensor:
    """An empty context is replaced by one zero vector."""
    if context.shape[-2] == 0:
        context = names.new_zeros(*context.shape[:-2], 1, names.shape[-1])
    return right.coop_prompts(context, names)


def cocoop_moves_names(
    image: Tensor, context: Tensor, names: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """The offset is added to the class names too."""
    joined = torch.cat([context.new_zeros(0, context.shape[1]), context])
    every = [
        right.cocoop_prompts(image, torch.cat([joined, name]), name[:0][None], W1, b1, W2, b2)
        for name in names
    ]
    return torch.cat(every, 1)


def cocoop_linear(
    image: Tensor, context: Tensor, names: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """The network has no ReLU."""
    dtype = compute_dtype(image, context)
    offset = (image.to(dtype) @ W1.to(dtype) + b1.to(dtype)) @ W2.to(dtype) + b2.to(dtype)
    rows = [right.coop_prompts((context.to(dtype) + o).to(names.dtype), names) for o in offset]
    return torch.stack(rows)


def cocoop_first_only(
    image: Tensor, context: Tensor, names: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """Only the first context vector is moved."""
    out = right.cocoop_prompts(image, context, names, W1, b1, W2, b2)
    fixed = right.coop_prompts(context, names).unsqueeze(0).expand_as(out)
    return torch.cat([out[:, :, :1], fixed[:, :, 1:]], 2)


def cocoop_by_class(
    image: Tensor, context: Tensor, names: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor
) -> Tensor:
    """The offset of a context vector depends on the class it is put before."""
    rows = [
        right.cocoop_prompts(image, context, name[None], W1, b1, W2, b2 * (1 + i))
        for i, name in enumerate(names)
    ]
    return torch.cat(rows, 1)


def _encode(kind: str, x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    dtype = compute_dtype(x, prompts, Wq)
    tokens, length = x.to(dtype), x.shape[1]
    slots = tokens[:, :0]
    for n in range(Wq.shape[0]):
        new = tokens[:, :0]
        if n < prompts.shape[0]:
            new = prompts[n].to(dtype).unsqueeze(0).expand(x.shape[0], -1, -1)
        if kind == "dropped" or (kind in ("fixed", "no residual") and n < prompts.shape[0]):
            slots = new
        elif kind == "accumulate":
            slots = torch.cat([slots, new], 1)
        elif kind == "added" and new.shape[1]:
            slots = slots + new if n else new
        weights = (W[n].to(dtype) for W in (Wq, Wk, Wv))
        before = torch.cat([slots, tokens], 1)
        both = _layer(before, *weights) - (before if kind == "no residual" else 0)
        tokens = both[:, both.shape[1] - length :]
        if kind != "fixed":
            slots = both[:, : both.shape[1] - length]
    return tokens.to(x.dtype)


def prompts_dropped(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """Prompt outputs are dropped after every layer, also where no new ones come."""
    return _encode("dropped", x, prompts, Wq, Wk, Wv)


def prompts_accumulate(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """New prompts stand beside the earlier ones' outputs."""
    return _encode("accumulate", x, prompts, Wq, Wk, Wv)


def prompts_added(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """New prompts are added to the earlier ones' outputs."""
    return _encode("added", x, prompts, Wq, Wk, Wv)


def prompts_fixed(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """Prompts are read by the layers but not updated by them."""
    return _encode("fixed", x, prompts, Wq, Wk, Wv)


def prompts_no_residual(x: Tensor, prompts: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor) -> Tensor:
    """The layers have no residual connection."""
    return _encode("no residual", x, prompts, Wq, Wk, Wv)
