"""Wrong inputs of a stack: positions, and BERT's masking."""

import torch
from torch import Tensor

from conform_reference import model as right

Pair = tuple[Tensor, Tensor]


def input_clamped(
    tokens: Tensor, table: Tensor, positions: Tensor, *, scaled: bool = False
) -> Tensor:
    """Texts beyond the table reuse its last row."""
    at = torch.arange(tokens.shape[1]).clamp(max=positions.shape[0] - 1)
    return right.input_embedding(tokens, table, positions[at], scaled=scaled)


def _draws(
    tokens: Tensor, special: Tensor, vocabulary: int, rate: float, seed: int
) -> tuple[Tensor, ...]:
    source = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, *tokens.shape, generator=source)
    other = torch.randint(0, vocabulary, tokens.shape, generator=source)
    return (first < rate) & ~special, second, other


def _labels(selected: Tensor, tokens: Tensor) -> Tensor:
    return torch.where(selected, tokens, -100)


def mlm_always_masked(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """100 / 0 / 0."""
    selected, _, _ = _draws(tokens, special, vocabulary, rate, seed)
    return torch.where(selected, mask_token, tokens), _labels(selected, tokens)


def mlm_wrong_shares(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """Half of the unmasked should be random; here it is a fifth of them."""
    selected, share, other = _draws(tokens, special, vocabulary, rate, seed)
    changed = torch.where(share < 0.8, mask_token, torch.where(share < 0.84, other, tokens))
    return torch.where(selected, changed, tokens), _labels(selected, tokens)


def mlm_late_labels(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """The labels are a copy made after the corruption."""
    given, labels = right.mlm_mask(
        tokens, special, mask_token=mask_token, vocabulary=vocabulary, rate=rate, seed=seed
    )
    return given, torch.where(labels != -100, given, -100)


def mlm_kept_unscored(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """Labels only where the input differs from the text."""
    given, labels = right.mlm_mask(
        tokens, special, mask_token=mask_token, vocabulary=vocabulary, rate=rate, seed=seed
    )
    return given, torch.where(given != tokens, labels, -100)


def mlm_noise_everywhere(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """The tenth that is replaced is a tenth of all tokens."""
    selected, share, other = _draws(tokens, special, vocabulary, rate, seed)
    changed = torch.where(selected & (share < 0.8), mask_token, tokens)
    return torch.where(share > 0.9, other, changed), _labels(selected, tokens)


def mlm_any_rate(
    tokens: Tensor, special: Tensor, *, mask_token: int, vocabulary: int, rate: float = 0.15,
    seed: int,
) -> Pair:  # fmt: skip
    """Rates are clipped without a word."""
    return right.mlm_mask(
        tokens, special, mask_token=mask_token, vocabulary=vocabulary,
        rate=min(max(rate, 0.0), 1.0), seed=seed,
    )  # fmt: skip
