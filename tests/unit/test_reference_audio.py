"""The audio reference against the decks' numbers, libraries and brute force; its errors."""

import pytest
import torch
import torch.nn.functional as F

from conform_reference import audio


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_spectrogram_patches_of_the_paper() -> None:
    assert audio.spectrogram_patch_count(128, 1024) == 12 * 101
    x, weight, bias = normal(1, 7, 12), normal(4, 3, 3), normal(4)
    expected = F.conv2d(x[:, None], weight[:, None], bias, stride=2).flatten(2).mT
    torch.testing.assert_close(audio.spectrogram_patch_embed(x, weight, bias, stride=2), expected)


@pytest.mark.parametrize(("layers", "kernel", "stride"), [(2, 3, 2), (1, 5, 1), (3, 3, 2)])
def test_subsampling_against_real_convolutions(layers: int, kernel: int, stride: int) -> None:
    for length in (29, 30, 31, 64):
        y = torch.ones(1, 1, length)
        for _ in range(layers):
            y = F.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
        options = {"layers": layers, "kernel": kernel, "stride": stride}
        assert audio.subsampled_length(length, **options) == y.shape[-1]


def test_a_valid_frame_reads_valid_frames_only() -> None:
    mask = audio.subsampled_padding_mask(torch.tensor([0, 6, 7, 11, 20]), 20)
    assert mask.sum(1).tolist() == [0, 0, 1, 2, 4]


def test_relative_shift_index_by_index() -> None:
    scores = normal(1, 1, 4, 7)
    out = audio.relative_shift(scores)
    for i in range(4):
        for j in range(4):
            assert out[0, 0, i, j] == scores[0, 0, i, 3 - i + j]


def test_conformer_convolution_by_the_library() -> None:
    x, lengths = normal(2, 6, 4), torch.tensor([6, 3])
    weights = [normal(4), normal(4), normal(4, 8), normal(4, 3), normal(4), normal(4), normal(4, 4)]
    gamma, beta, W1, kernel, scale, shift, W2 = weights
    out = audio.conformer_conv(x, *weights, lengths=lengths)
    y = F.glu(F.layer_norm(x[1:, :3], (4,), gamma, beta) @ W1)
    y = F.conv1d(y.mT, kernel[:, None], padding=1, groups=4).mT * scale + shift
    torch.testing.assert_close(out[1:, :3], F.silu(y) @ W2)
    assert not out[1, 3:].any()


def test_conformer_steps() -> None:
    x, one, none = normal(1, 3, 4), torch.ones(4).double(), torch.zeros(4).double()
    out = audio.conformer_block(x, torch.tanh, torch.sin, torch.cos, torch.abs, one, none)
    y = x + torch.tanh(x) / 2
    y = y + torch.sin(y)
    y = y + torch.cos(y)
    torch.testing.assert_close(out, F.layer_norm(y + y.abs() / 2, (4,)))


def test_cgmlp_with_an_open_gate() -> None:
    x, U, V = normal(1, 5, 4), normal(4, 6), normal(3, 4)
    shut, open_ = torch.zeros(3, 3).double(), torch.ones(3).double()
    out = audio.cgmlp(x, U, open_, open_ * 0, shut, open_, V)
    torch.testing.assert_close(out, F.gelu(x @ U[:, :3]) @ V)


def test_merges() -> None:
    a, b, W = normal(2, 3, 4), normal(2, 3, 4, seed=1), normal(8, 4)
    torch.testing.assert_close(audio.branch_merge_concat(a, b, W), a @ W[:4] + b @ W[4:])
    pools = [normal(4, seed=n) for n in range(4)]
    y, w = audio.branch_merge_average(a, b, *pools)
    torch.testing.assert_close(w.sum(-1), torch.ones(2).double())
    torch.testing.assert_close(y, w[:, 0, None, None] * a + w[:, 1, None, None] * b)
    ones = torch.ones(4).double()
    out = audio.branchformer_block(a, torch.sin, torch.cos, ones, ones * 0, ones, ones * 0, W)
    n = F.layer_norm(a, (4,))
    torch.testing.assert_close(out, a + torch.sin(n) @ W[:4] + torch.cos(n) @ W[4:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: audio.spectrogram_patch_count(15, 100), "frequency=15"),
        (lambda: audio.subsampled_length(6), "length=6"),
        (lambda: audio.subsampled_length(10, layers=0), "layers=0"),
        (lambda: audio.subsampled_padding_mask(torch.tensor([21]), 20), "lengths=21"),
        (lambda: audio.relative_shift(normal(1, 1, 3, 4)), "2 T - 1=5"),
        (lambda: audio.branch_merge_concat(normal(1, 2, 3), normal(1, 2, 3), normal(5, 3)), "W"),
        (
            lambda: audio.cgmlp(
                normal(1, 4, 4), normal(4, 6), normal(3), normal(3), normal(3, 2), normal(3),
                normal(3, 4),
            ),
            "k odd",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
