"""Time is taken for the first axis, as in recordings that are stored frame by frame."""

import torch.nn.functional as F

MISTAKE = "spectrogram_patch_embed.time-first"


def spectrogram_patch_embed(x, weight, bias, *, stride):
    image = F.conv2d(x.mT[:, None], weight.mT[:, None], bias, stride=stride)
    return image.flatten(2).mT
