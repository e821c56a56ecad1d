"""The vision reference against the decks' numbers, libraries and brute force; its errors."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from conform_reference import vision

X = torch.arange(2 * 3 * 4 * 6, dtype=torch.float64).reshape(2, 3, 4, 6)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_patch_embed_is_the_convolution_of_the_library() -> None:
    weight, bias = normal(5, 3, 2, 2), normal(5)
    expected = F.conv2d(X, weight, bias, stride=2).flatten(2).mT
    torch.testing.assert_close(vision.patch_embed(X, weight, bias), expected)


def test_vit_embed_puts_the_class_token_first() -> None:
    positions = normal(7, 5)
    out = vision.vit_embed(X, normal(5, 3, 2, 2), normal(5), torch.ones(5), positions)
    assert out.shape == (2, 7, 5)
    torch.testing.assert_close(out[0, 0], 1 + positions[0])


def test_sequence_lengths_of_the_deck() -> None:
    assert vision.vit_sequence_length(224, 224, 16) == 197
    assert vision.vit_sequence_length(224, 224, 14, registers=4) == 261


def test_register_overhead_of_the_deck() -> None:
    more = vision.vit_encoder_flops(201, 768, 12) / vision.vit_encoder_flops(197, 768, 12) - 1
    assert round(100 * more, 2) == 2.12


@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(7, 4), (2, 9), (5, 5)])
def test_interpolation_is_the_library_s(mode: str, size: tuple[int, int]) -> None:
    table = normal(26, 3)
    grid = table[1:].reshape(1, 5, 5, 3).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=size, mode=mode, align_corners=False)
    expected = torch.cat([table[:1], grid.permute(0, 2, 3, 1).reshape(-1, 3)])
    torch.testing.assert_close(vision.interpolate_positions(table, *size, mode=mode), expected)


def test_windows_and_grids_come_back() -> None:
    x = X.permute(0, 2, 3, 1)
    windows, groups = vision.window_partition(x, 2), vision.grid_partition(x, 2)
    assert torch.equal(windows[1], x[0, :2, 2:4])
    assert torch.equal(groups[1], x[0, ::2, 1::3])
    assert torch.equal(vision.window_reverse(windows, 2, 4, 6), x)
    assert torch.equal(vision.grid_reverse(groups, 2, 4, 6), x)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_window_mask_against_brute_force(shift: int) -> None:
    mask = vision.shifted_window_mask(6, 9, 3, shift)
    for n, (i, j) in itertools.product(range(6), itertools.product(range(9), repeat=2)):
        place = [
            ((n // 3 * 3 + p // 3 + shift) % 6, (n % 3 * 3 + p % 3 + shift) % 9) for p in (i, j)
        ]
        near = all(abs(a - b) < 3 for a, b in zip(*place, strict=True))
        assert bool(mask[n, i, j]) is near


def test_shifted_attention_hides_padding_and_wrapped_pixels() -> None:
    weights = [normal(4, 12), normal(12), normal(4, 4), normal(4)]
    x = normal(1, 5, 7, 4)
    one = vision.shifted_window_attention(x, *weights, heads=2, window=4, shift=2)
    moved = x.clone()
    moved[:, 2:] += 1
    moved[:, :, 2:] += 1
    other = vision.shifted_window_attention(moved, *weights, heads=2, window=4, shift=2)
    assert torch.equal(one[:, :2, :2], other[:, :2, :2])
    assert not torch.equal(one[:, 2:, 2:], other[:, 2:, 2:])


def test_convolutions_against_the_library() -> None:
    x, weight, bias = normal(2, 4, 7, 6), normal(6, 2, 3, 3), normal(6)
    for stride, padding in itertools.product((1, 2), (0, 1)):
        ours = vision.conv2d(x, weight, bias, stride=stride, padding=padding, groups=2)
        torch.testing.assert_close(ours, F.conv2d(x, weight, bias, stride, padding, 1, 2))


def test_shift_heads_make_the_convolution_exactly() -> None:
    x, weight = normal(1, 2, 6, 6), normal(3, 2, 3, 3)
    heads = vision.shift_attention(6, 6, 3).double()
    y = torch.einsum("hpq,bcq,och->bop", heads, x.flatten(2), weight.flatten(2))
    torch.testing.assert_close(y.reshape(1, 3, 6, 6), F.conv2d(x, weight, padding=1))


def test_replknet_table() -> None:
    rows = [(3, 3, 3, 3), (7, 7, 7, 7), (13, 13, 13, 13), (25, 25, 25, 13), (31, 29, 27, 13)]
    counts = [vision.replknet_cost(*row) for row in rows]
    assert [round(p / 1e6, 3) for p, _ in counts] == [71.756, 72.237, 73.681, 78.234, 79.389]
    assert [round(m / 1e9, 2) for _, m in counts] == [12.94, 13.06, 13.44, 14.81, 15.35]


def test_convnext_parameters() -> None:
    assert vision.convnext_block_parameters(96) == 49 * 96 + 96 + 192 + 8 * 96**2 + 5 * 96 + 96


def test_folded_norm_and_merged_kernels() -> None:
    x, weight = normal(2, 2, 5, 5), normal(3, 2, 1, 1)
    gamma, beta, mean, variance = normal(3), normal(3, seed=1), normal(3, seed=2), torch.rand(3) + 1
    folded = vision.fold_batch_norm(weight, gamma, beta, mean, variance.double())
    expected = F.batch_norm(F.conv2d(x, weight), mean, variance.double(), gamma, beta)
    torch.testing.assert_close(F.conv2d(x, *folded), expected)
    large, small = normal(2, 7, 7), normal(2, 3, 3)
    merged = vision.merge_kernels(large, small)
    two = F.conv2d(x, large[:, None], padding=3, groups=2)
    two = two + F.conv2d(x, small[:, None], padding=1, groups=2)
    torch.testing.assert_close(F.conv2d(x, merged[:, None], padding=3, groups=2), two)


def test_pool_mixer_against_the_library() -> None:
    x = normal(1, 2, 4, 5)
    expected = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) - x
    torch.testing.assert_close(vision.pool_mixer(x), expected)


def test_masks_and_schedules() -> None:
    assert vision.mae_random_mask(3, 196, 0.75, seed=1).sum(1).tolist() == [147] * 3
    assert vision.mae_random_mask(1, 10, 0.9, seed=1).sum() == 10  # 10 * (1 - 0.9) is below 1
    counts = [vision.maskgit_mask_count(256, 8, t) for t in range(9)]
    assert counts == [256, 252, 237, 213, 182, 143, 98, 50, 0]
    assert vision.maskgit_mask_count(10, 3, 2) == 5  # cos(pi / 3) is 1/2, not a bit more


def test_shuffled_tokens_are_restored() -> None:
    x, noise = normal(2, 8, 3), torch.rand(2, 8)
    visible, mask, restore = vision.mae_shuffle(x, noise, ratio=0.75)
    filled = torch.cat([visible, torch.zeros(2, 6, 3)], 1)
    back = torch.gather(filled, 1, restore[..., None].expand(-1, -1, 3))
    assert torch.equal(back, torch.where(mask[..., None], 0.0, x))


def test_matching_against_all_assignments() -> None:
    cost = normal(5, 3)
    least = min(
        sum(float(cost[n, m]) for m, n in enumerate(way))
        for way in itertools.permutations(range(5), 3)
    )
    assert math.isclose(float(vision.detr_match_cost(cost)), least)


def test_generalized_iou_by_hand() -> None:
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [2.5, 0.5, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]])
    got = vision.generalized_box_iou(boxes[:1], boxes)
    torch.testing.assert_close(got, torch.tensor([[1.0, -1 / 3, 0.25]]))


def test_maps_by_hand() -> None:
    eye = torch.eye(6).expand(1, 1, 6, 6)
    assert vision.mean_attention_distance(eye, height=2, width=3).item() == 0
    flat = torch.full((1, 1, 2, 2), 0.5)
    assert vision.mean_attention_distance(flat, height=1, width=2, patch=14).item() == 7
    same = torch.ones(1, 3, 3, 4)
    torch.testing.assert_close(vision.neighbour_similarity(same), torch.ones(1, 3, 3))
    assert vision.grid_smoothness(same).item() == 0
    assert vision.patch_norms(300 * torch.eye(2, dtype=torch.float16)[None]).tolist() == [[300.0]]
    torch.testing.assert_close(vision.mean_iou(torch.tensor([[3, 1], [2, 4]])).item(), 15 / 28)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vision.patch_embed(X[:, :, 1:], normal(5, 3, 2, 2), normal(5)), "P=2, Hh=3"),
        (lambda: vision.vit_sequence_length(225, 224, 16), "height=225"),
        (lambda: vision.vit_encoder_flops(0, 768, 12), "tokens=0"),
        (lambda: vision.interpolate_positions(normal(8, 3), 2, 2), "square grid"),
        (lambda: vision.window_partition(X, 0), "window=0"),
        (lambda: vision.window_reverse(normal(3, 2, 2, 1), 2, 4, 4), "windows an image=4"),
        (lambda: vision.shifted_window_mask(4, 4, 2, 2), "shift=2"),
        (lambda: vision.conv2d(X, normal(4, 1, 3, 3), normal(4), groups=2), "groups=2, C=3"),
        (lambda: vision.conv2d_cost(0, 1, 1, 1, 1), "in_channels=0"),
        (lambda: vision.replknet_cost(4, 3, 3, 3), "kernel1=4"),
        (
            lambda: vision.merge_kernels(normal(2, 3, 3), normal(2, 2, 2)),
            "differ by an even number",
        ),
        (lambda: vision.shift_attention(3, 3, 2), "kernel=2"),
        (lambda: vision.mae_random_mask(1, 4, 1.0, seed=0), "ratio=1.0"),
        (lambda: vision.maskgit_mask_count(4, 2, 3), "step=3"),
        (lambda: vision.detr_match_cost(normal(2, 3)), "no more objects than queries"),
        (lambda: vision.pool_mixer(X, pool_size=2), "pool_size=2"),
    ],
)
def test_bad_input_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
