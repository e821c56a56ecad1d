"""Mistakes in speech front ends, Conformers and Branchformers."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from conform_reference import audio as right
from conform_reference.feed_forward import gelu, swish
from conform_reference.norm import layer_norm


def patches_without_overlap(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 10) -> Tensor:
    """The stride is the patch's size."""
    right.spectrogram_patch_embed(x, weight, bias, stride=stride)
    return right.spectrogram_patch_embed(x, weight, bias, stride=weight.shape[-1])


def patches_from_the_end(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 10) -> Tensor:
    """The last frame ends a patch."""
    P = weight.shape[-1]
    late, high = (x.shape[2] - P) % stride, (x.shape[1] - P) % stride
    return right.spectrogram_patch_embed(x[:, high:, late:], weight, bias, stride=stride)


def patches_padded(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 10) -> Tensor:
    """Zeros complete a last patch."""
    P = weight.shape[-1]
    more = [-(n - P) % stride for n in (x.shape[2], x.shape[1])]
    padded = pad(x, (0, more[0], 0, more[1]))
    return right.spectrogram_patch_embed(padded, weight, bias, stride=stride)


def length_never_empty(length: int, *, layers: int = 2, kernel: int = 3, stride: int = 2) -> int:
    """At least one frame, whatever comes in."""
    for _ in range(layers):
        length = max((length - kernel) // stride + 1, 1)
    return length


def mask_strided(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """mask[:, ::stride] layer by layer, cut to the new length."""
    frames = right.subsampled_length(L, layers=layers, kernel=kernel, stride=stride)
    return torch.arange(frames) * stride**layers < lengths.unsqueeze(1)


def mask_by_ratio(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """length * (new size / old size), rounded down."""
    frames = right.subsampled_length(L, layers=layers, kernel=kernel, stride=stride)
    return torch.arange(frames) < (lengths * frames // L).unsqueeze(1)


def mask_of_input_lengths(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """Frames are counted as before the subsampling."""
    frames = right.subsampled_length(L, layers=layers, kernel=kernel, stride=stride)
    return torch.arange(frames) < lengths.unsqueeze(1)


def mask_rounded_up(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """A frame is valid when any frame that it reads is."""
    frames = right.subsampled_length(L, layers=layers, kernel=kernel, stride=stride)
    return torch.arange(frames) < -(-lengths // stride**layers).unsqueeze(1)


def mask_never_empty(
    lengths: Tensor, L: int, *, layers: int = 2, kernel: int = 3, stride: int = 2
) -> Tensor:
    """The first frame is always valid."""
    mask = right.subsampled_padding_mask(lengths, L, layers=layers, kernel=kernel, stride=stride)
    return mask | (torch.arange(mask.shape[1]) == 0)


def shift_off_by_one(scores: Tensor) -> Tensor:
    """Column T - i + j, as far as there is one."""
    return right.relative_shift(torch.cat([scores[..., 1:], scores[..., -1:]], -1))


def shift_one_sided(scores: Tensor) -> Tensor:
    """A column of zeros is put in front of the first T columns; rows then run into each other."""
    B, H, T, _ = scores.shape
    wide = pad(scores[..., :T], (1, 0)).reshape(B, H, T + 1, T)
    return wide[:, :, 1:]


def _conv(
    kind: str, x: Tensor, gamma: Tensor, beta: Tensor, W1: Tensor, kernel: Tensor, scale: Tensor,
    shift: Tensor, W2: Tensor, *, lengths: Tensor | None, eps: float,
) -> Tensor:  # fmt: skip
    """The convolution module with one mistake, `kind`."""
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
    y = x * valid if kind == "mask before" else x
    normed = y if kind == "no norm" else layer_norm(y, gamma, beta, eps=eps)
    a, b = (normed @ W1).chunk(2, -1)
    gated = a * torch.sigmoid(b)
    if kind not in ("no mask", "mask after", "mask before"):
        gated = gated * valid
    k, T = kernel.shape[1], x.shape[1]
    sides = (k - 1, 0) if kind == "causal" else (k // 2, k // 2)
    padded = pad(gated, (0, 0, *sides))
    y = torch.stack([padded[:, u : u + T] * kernel[:, u] for u in range(k)]).sum(0)
    if kind == "batch":
        variance, mean = torch.var_mean(y, (0, 1), correction=0)
        y = (y - mean) * torch.rsqrt(variance + eps)
    y = y * scale + shift
    out = (torch.relu(y) if kind == "relu" else swish(y)) @ W2
    return out if kind in ("no mask", "unmasked result") else out * valid


def conv_without_mask(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """lengths has no effect."""
    return _conv("no mask", *args, lengths=lengths, eps=eps)


def conv_causal(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """No frame sees a later one."""
    return _conv("causal", *args, lengths=lengths, eps=eps)


def conv_no_norm(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """The first norm is forgotten."""
    return _conv("no norm", *args, lengths=lengths, eps=eps)


def conv_mask_after(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Padding leaks in before the result is masked."""
    return _conv("mask after", *args, lengths=lengths, eps=eps)


def conv_mask_before_norm(
    *args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """A frame of zeros is beta after the norm, and no zero after the GLU."""
    return _conv("mask before", *args, lengths=lengths, eps=eps)


def conv_relu(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """ReLU instead of swish."""
    return _conv("relu", *args, lengths=lengths, eps=eps)


def conv_batch_statistics(
    *args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Batch norm left in training mode, padded frames included."""
    return _conv("batch", *args, lengths=lengths, eps=eps)


def conv_unmasked_result(*args: Tensor, lengths: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Frames beyond the length keep what the convolution brought there."""
    return _conv("unmasked result", *args, lengths=lengths, eps=eps)


Sublayer = Callable[[Tensor], Tensor]


def _block(
    kind: str, x: Tensor, ffn1: Sublayer, attention: Sublayer, conv: Sublayer, ffn2: Sublayer,
    gamma: Tensor, beta: Tensor, *, eps: float,
) -> Tensor:  # fmt: skip
    outer = 1.0 if kind == "full" else 0.5
    inner = 0.5 if kind == "half" else 1.0
    y = x + outer * ffn1(x)
    mixed = y + inner * attention(y)
    y = mixed + inner * conv(y if kind == "parallel" else mixed)
    y = y + outer * ffn2(y)
    return y if kind == "no norm" else layer_norm(y, gamma, beta, eps=eps)


def block_full_step(
    x: Tensor, f: Sublayer, a: Sublayer, c: Sublayer, g: Sublayer, gamma: Tensor, beta: Tensor, *,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The factor one half is missing."""
    return _block("full", x, f, a, c, g, gamma, beta, eps=eps)


def block_no_norm(
    x: Tensor, f: Sublayer, a: Sublayer, c: Sublayer, g: Sublayer, gamma: Tensor, beta: Tensor, *,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The last norm is missing."""
    return _block("no norm", x, f, a, c, g, gamma, beta, eps=eps)


def block_half_everything(
    x: Tensor, f: Sublayer, a: Sublayer, c: Sublayer, g: Sublayer, gamma: Tensor, beta: Tensor, *,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Attention and convolution are halved, too."""
    return _block("half", x, f, a, c, g, gamma, beta, eps=eps)


def block_parallel(
    x: Tensor, f: Sublayer, a: Sublayer, c: Sublayer, g: Sublayer, gamma: Tensor, beta: Tensor, *,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Convolution beside attention."""
    return _block("parallel", x, f, a, c, g, gamma, beta, eps=eps)


def _cgmlp(
    kind: str, x: Tensor, U: Tensor, gamma: Tensor, beta: Tensor, kernel: Tensor, bias: Tensor,
    V: Tensor, *, eps: float,
) -> Tensor:  # fmt: skip
    right.cgmlp(x, U, gamma, beta, kernel, bias, V, eps=eps)
    hidden = x @ U
    if kind == "interleaved":
        first, second = gelu(hidden[..., 0::2]), gelu(hidden[..., 1::2])
    else:
        first, second = hidden.chunk(2, -1)
        first, second = (first if kind == "half gelu" else gelu(first)), gelu(second)
    if kind != "no norm":
        second = layer_norm(second, gamma, beta, eps=eps)
    k, T = kernel.shape[1], x.shape[1]
    padded = pad(second, (0, 0, k - 1, 0) if kind == "causal" else (0, 0, k // 2, k // 2))
    gate = sum(padded[:, u : u + T] * kernel[:, u] for u in range(k)) + bias
    return (first * (torch.sigmoid(gate) if kind == "sigmoid" else gate)) @ V


def cgmlp_no_norm(*args: Tensor, eps: float = 1e-5) -> Tensor:
    """The gate is not normalised."""
    return _cgmlp("no norm", *args, eps=eps)


def cgmlp_sigmoid(*args: Tensor, eps: float = 1e-5) -> Tensor:
    """The gate is squashed, as in a GLU."""
    return _cgmlp("sigmoid", *args, eps=eps)


def cgmlp_causal(*args: Tensor, eps: float = 1e-5) -> Tensor:
    """The gate sees no later frame."""
    return _cgmlp("causal", *args, eps=eps)


def cgmlp_half_gelu(*args: Tensor, eps: float = 1e-5) -> Tensor:
    """Only the gate's half is activated."""
    return _cgmlp("half gelu", *args, eps=eps)


def cgmlp_interleaved(*args: Tensor, eps: float = 1e-5) -> Tensor:
    """Value and gate alternate."""
    return _cgmlp("interleaved", *args, eps=eps)


def merged_over_time(a: Tensor, b: Tensor, W: Tensor) -> Tensor:
    """The branches are joined along time, each half of the frames projected by a part of W."""
    joined = torch.cat([a, b], 1)
    return (joined @ W[: a.shape[2]])[:, : a.shape[1]]


def merged_interleaved(a: Tensor, b: Tensor, W: Tensor) -> Tensor:
    """a_1, b_1, a_2, b_2, ..."""
    return torch.stack([a, b], -1).flatten(2) @ W


def _average(kind: str, *args: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted average with one mistake, `kind`."""
    a, b, pool_a, pool_b, weight_a, weight_b = args

    def score(x: Tensor, pool: Tensor, weight: Tensor) -> Tensor:
        scores = x @ pool / x.shape[-1] ** 0.5
        share = scores if kind == "raw pooling" else torch.softmax(scores, -1)
        pooled = x[:, -1] if kind == "last frame" else (share.unsqueeze(1) @ x).squeeze(1)
        return pooled @ weight

    scores = torch.stack([score(a, pool_a, weight_a), score(b, pool_b, weight_b)], -1)
    if kind == "plain":
        scores = scores * 0
    w = torch.softmax(scores, 0 if kind == "batch" else -1)
    if kind == "sigmoids":
        w = torch.sigmoid(scores)
    if kind == "swapped":
        w = w.flip(-1)
    y = w[:, :1, None] * a + w[:, 1:, None] * b
    if kind == "frames":
        each = torch.softmax(torch.stack([a @ weight_a, b @ weight_b], -1), -1)
        y = each[..., :1] * a + each[..., 1:] * b
        w = each[:, 0]
    return y, torch.softmax(w, -1) if kind == "twice" else w


def average_of_sigmoids(*args: Tensor) -> tuple[Tensor, Tensor]:
    """The weights need not sum to 1."""
    return _average("sigmoids", *args)


def average_swapped(*args: Tensor) -> tuple[Tensor, Tensor]:
    """Each branch gets the other's weight."""
    return _average("swapped", *args)


def average_per_frame(*args: Tensor) -> tuple[Tensor, Tensor]:
    """Frames are not pooled."""
    return _average("frames", *args)


def average_plain(*args: Tensor) -> tuple[Tensor, Tensor]:
    """Always one half each."""
    return _average("plain", *args)


def average_of_last_frames(*args: Tensor) -> tuple[Tensor, Tensor]:
    """The last frame stands for the utterance."""
    return _average("last frame", *args)


def average_unnormalised_pooling(*args: Tensor) -> tuple[Tensor, Tensor]:
    """The pooling scores are not put through a softmax."""
    return _average("raw pooling", *args)


def average_over_batch(*args: Tensor) -> tuple[Tensor, Tensor]:
    """Utterances compete for a branch."""
    return _average("batch", *args)


def average_reported_twice(*args: Tensor) -> tuple[Tensor, Tensor]:
    """The reported weights have been through another softmax."""
    return _average("twice", *args)


def _branches(
    kind: str, x: Tensor, attention: Sublayer, mlp: Sublayer, *args: Tensor, eps: float
) -> Tensor:
    gamma_a, beta_a, gamma_m, beta_m, W = args
    E = x.shape[2]

    def norm(y: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return y if kind == "no norm" else layer_norm(y, gamma, beta, eps=eps)

    a = attention(norm(x, gamma_a, beta_a))
    if kind == "sequence":
        x = x + a @ W[:E]
        return x + mlp(norm(x, gamma_m, beta_m)) @ W[E:]
    b = mlp(norm(x, gamma_m, beta_m))
    if kind == "residuals":
        a, b = a + x, b + x
    return x + torch.cat([a, b], -1) @ W


def branches_in_sequence(
    x: Tensor, attention: Sublayer, mlp: Sublayer, *args: Tensor, eps: float = 1e-5
) -> Tensor:
    """Attention first, then the MLP."""
    return _branches("sequence", x, attention, mlp, *args, eps=eps)


def branches_without_norm(
    x: Tensor, attention: Sublayer, mlp: Sublayer, *args: Tensor, eps: float = 1e-5
) -> Tensor:
    """The branches read the stream itself."""
    return _branches("no norm", x, attention, mlp, *args, eps=eps)


def branches_with_residuals(
    x: Tensor, attention: Sublayer, mlp: Sublayer, *args: Tensor, eps: float = 1e-5
) -> Tensor:
    """x is added to both branches before the merge as well."""
    return _branches("residuals", x, attention, mlp, *args, eps=eps)
