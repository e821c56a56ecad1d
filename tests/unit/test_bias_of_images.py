"""A convolution's bias may learn in one lane over all images, which rounds equal images alike."""

from __future__ import annotations

import pytest
import torch

from conform.judge.criterion import judge
from conform.run.oracle import Oracle
from conform.spec.book import built_in

IMAGES = 255


@pytest.mark.parametrize("name", ["conv2d", "patch_embed", "spectrogram_patch_embed"])
def test_one_lane_over_equal_images_is_within_the_bound(name: str) -> None:
    generator = torch.Generator().manual_seed(3)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    image, kernel = (drawn(IMAGES, 2, 4, 6), drawn(3, 2, 2, 2)), drawn(3)
    x, weight, options = *image, {"stride": 2} if name == "conv2d" else {}
    if name == "spectrogram_patch_embed":
        x, weight, options = x[:, 0], weight[:, 0], {"stride": 2}
    oracle = Oracle(built_in().operator(name), {})
    shape = oracle((x, weight, kernel), options, "float32").shape
    cotangent = drawn(1, *shape[1:]).abs().float().double().expand(shape)
    truth = oracle.gradient_truth((x, weight, kernel), options, "float32", 1, (2,), (cotangent,))
    (exact,) = truth.exact.outputs
    channels_last = cotangent.movedim(1, -1) if name == "conv2d" else cotangent
    lane = torch.zeros(3)
    for row in channels_last.reshape(-1, 3).float():
        lane += row
    model = oracle.model("float32", backward=True)
    assert judge(lane, exact, truth.draw()[0], model.scale, 0.0).within
    assert not judge(lane * 1.001, exact, truth.draw()[0], model.scale, 0.0).within
