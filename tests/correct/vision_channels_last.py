"""Images and feature maps in the memory format with channels last."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {"feed_forward": {"limits": {"activation": ["relu", "gelu", "swish"]}}},
}
LAST = torch.channels_last


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    x, weight = x.contiguous(memory_format=LAST), weight.contiguous(memory_format=LAST)
    return F.conv2d(x, weight, bias, stride, padding, 1, groups)


def patch_embed(images, weight, bias):
    y = F.conv2d(images.to(memory_format=LAST), weight, bias, weight.shape[-1])
    return y.permute(0, 2, 3, 1).flatten(1, 2)


def batch_norm(x, gamma, beta, *, eps=1e-5):
    # (Not `contiguous`, which leaves strides that torch's way back misreads: see FINDINGS.md.)
    y = x.movedim(-1, 1)[..., None].clone(memory_format=LAST)
    y = F.batch_norm(y, None, None, gamma, beta, training=True, eps=eps)
    return y.squeeze(-1).movedim(1, -1)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    y = x.reshape(-1, x.shape[-1], 1, 1).to(memory_format=LAST).permute(0, 2, 3, 1)
    return F.layer_norm(y, gamma.shape, gamma, beta, eps).reshape(x.shape)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu}[activation]
    y = x.reshape(-1, x.shape[-1], 1, 1).to(memory_format=LAST)
    y = act(F.conv2d(y, W1.mT[..., None, None], b1))
    return F.conv2d(y, W2.mT[..., None, None], b2).reshape(*x.shape[:-1], W2.shape[1])


def window_partition(x, window):
    c = x.shape[-1]
    y = x.permute(0, 3, 1, 2).contiguous(memory_format=LAST)
    y = y.unfold(2, window, window).unfold(3, window, window)
    return y.permute(0, 2, 3, 4, 5, 1).reshape(-1, window, window, c)
