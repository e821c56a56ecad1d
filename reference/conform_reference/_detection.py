"""Set prediction and segmentation: DETR's matching, SAM's mask head, mean IoU."""

import itertools

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._kept_softmax import kept_softmax
from conform_reference.rounding import another_order, mark


def _corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """(low[N,2], high[N,2]) of boxes[N,4] given as centre x, centre y, width, height."""
    centre, half = boxes[:, :2], mark("half_size", 0.5 * boxes[:, 2:])
    return mark("corners", centre - half), mark("corners", centre + half)


def _area(low: Tensor, high: Tensor) -> Tensor:
    size = mark("sides", torch.clamp(high - low, min=0.0))
    return mark("areas", size[..., 0] * size[..., 1])


def generalized_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU - (hull - union) / hull of all pairs of boxes a[N,4], b[M,4] -> [N,M], in (-1, 1].

    Boxes are (centre x, centre y, width, height) with positive sizes; hull is the smallest box
    around both. Raises ValueError for other shapes. Source: Rezatofighi et al. 2019,
    arXiv:1902.09630, algorithm 1.
    """
    for name, boxes in (("a", a), ("b", b)):
        _check.rank(name, boxes, "N 4")
        _check.same("number of coordinates", f"{name}.shape[1]", boxes.shape[1], "boxes", 4)
    dtype = _check.compute_dtype(a, b)
    (low_a, high_a), (low_b, high_b) = _corners(a.to(dtype)), _corners(b.to(dtype))
    first = (low_a.unsqueeze(1), high_a.unsqueeze(1))
    both = _area(torch.maximum(first[0], low_b), torch.minimum(first[1], high_b))
    hull = _area(torch.minimum(first[0], low_b), torch.maximum(first[1], high_b))
    total = mark("union", _area(*first) + _area(low_b, high_b))
    union = mark("union", total - both)
    outside = mark("outside", mark("gap", hull - union) / hull)
    return (mark("iou", both / union) - outside).to(a.dtype)


def detr_cost(
    logits: Tensor, boxes: Tensor, labels: Tensor, targets: Tensor, *,
    class_weight: float = 1.0, l1_weight: float = 5.0, giou_weight: float = 2.0,
) -> Tensor:  # fmt: skip
    """[N,M]: what it costs to match prediction n to object m; lower is better.

    -class_weight softmax(logits[n])[labels[m]] + l1_weight |boxes[n] - targets[m]|_1 - giou_weight
    GIoU. logits[N,K+1] (the last class: no object), boxes[N,4], labels int[M], targets[M,4]; boxes
    as in `generalized_box_iou`. Raises ValueError for shapes that do not fit.
    Source: Carion et al. 2020 (DETR), arXiv:2005.12872, section 3.1 and its public code.
    """
    _check.rank("logits", logits, "N K+1")
    _check.same("predictions", "boxes.shape[0]", boxes.shape[0], "logits.shape[0]", logits.shape[0])
    _check.same("objects", "labels.shape[0]", labels.shape[0], "targets.shape[0]", targets.shape[0])
    dtype = _check.compute_dtype(logits, boxes, targets)
    probabilities = kept_softmax("probabilities", logits.to(dtype))
    named = torch.index_select(probabilities, 1, labels.to(torch.int64))
    first, second = boxes.to(dtype), targets.to(dtype)
    distance = mark("distance", (first.unsqueeze(1) - second).abs().sum(-1))
    overlap = mark("overlap", generalized_box_iou(first, second))
    weighted = mark("weighted", l1_weight * distance) - mark("weighted", class_weight * named)
    return (mark("partial", weighted) - mark("weighted", giou_weight * overlap)).to(logits.dtype)


def detr_match_cost(cost: Tensor) -> Tensor:
    """The least sum of cost[N,M] over all ways to give each of M objects a prediction of its own.

    A scalar; found by trying every way, so for small sizes. Raises ValueError for more objects than
    predictions. Source: arXiv:2005.12872, eq. 1 (Hungarian algorithm; Kuhn 1955).
    """
    _check.rank("cost", cost, "N M")
    N, M = cost.shape
    if M > N or M < 1:
        raise ValueError(f"cost.shape={(N, M)}: expected 1 <= M <= N, no more objects than queries")
    ways = torch.tensor(list(itertools.permutations(range(N), M)))
    each = cost.to(_check.compute_dtype(cost))[ways, torch.arange(M)]
    return each.sum(-1).amin().to(cost.dtype)


def sam_masks(embedding: Tensor, tokens: Tensor) -> Tensor:
    """Mask logits embedding . token: embedding[B,C,Hh,Ww], tokens[B,P,M,C] -> [B,P,M,Hh,Ww].

    One image embedding serves all P prompts; each prompt has M candidate masks. Raises ValueError
    for shapes that do not fit. Source: Kirillov et al. 2023 (SAM), arXiv:2304.02643, appendix A
    (lightweight mask decoder, last step).
    """
    _check.rank("embedding", embedding, "B C Hh Ww")
    _check.rank("tokens", tokens, "B P M C")
    _check.same("channels", "tokens.shape[3]", tokens.shape[3], "C", embedding.shape[1])
    dtype = _check.compute_dtype(embedding, tokens)
    prompts, given = tokens.shape[1], tokens.to(dtype)
    # The image's gradients may be stored prompt by prompt before they are added up.
    repeated = embedding.to(dtype).flatten(2).unsqueeze(1).expand(-1, prompts, -1, -1)
    pixels = mark("backward.prompts", repeated)
    product = given @ pixels
    if tokens.shape[3] == 1:
        product = another_order(product, lambda: _multiplied(given, pixels))
    return product.unflatten(-1, embedding.shape[2:]).to(embedding.dtype)


def _multiplied(tokens: Tensor, pixels: Tensor) -> Tensor:
    """Tokens[B,P,M,1] times pixels[B,P,1,N], whose gradients are stored before they are summed."""
    shape = (*tokens.shape[:3], pixels.shape[3])
    by_token = mark("backward.terms", tokens.expand(shape))
    return by_token * mark("backward.terms", pixels.expand(shape))


def mean_iou(confusion: Tensor) -> Tensor:
    """mean over classes of TP / (TP + FP + FN): confusion int[C,C] (rows: truth) -> float64 scalar.

    NaN where a class occurs neither in truth nor in prediction. Raises ValueError for another
    shape. Source: Everingham et al. 2010 (PASCAL VOC); claim CMU-238.
    """
    _check.rank("confusion", confusion, "C C")
    _check.same("classes", "confusion.shape[0]", confusion.shape[0], "shape[1]", confusion.shape[1])
    counts = confusion.to(torch.float64)
    right = torch.diagonal(counts)
    union = counts.sum(0) + counts.sum(1) - right
    return (right / union).mean()
