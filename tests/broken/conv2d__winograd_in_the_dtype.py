"""3 x 3 kernels go through Winograd's F(2, 3), whose transforms are kept in the input's dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float16", "bfloat16"]}


def _winograd(x, weight, padding):
    B, _, H, W = x.shape
    h, w = H + 2 * padding - 2, W + 2 * padding - 2
    x = F.pad(x, (padding, padding + w % 2, padding, padding + h % 2))
    bt = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    g = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1.0]])
    at = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]])
    tiles = x.unfold(2, 4, 2).unfold(3, 4, 2).float()
    d = (bt @ tiles @ bt.T).to(x.dtype).float()
    u = (g @ weight.float() @ g.T).to(x.dtype).float()
    m = torch.einsum("bcijuv,ocuv->boijuv", d, u).to(x.dtype).float()
    y = (at @ m @ at.T).permute(0, 1, 2, 4, 3, 5)
    return y.reshape(B, weight.shape[0], 2 * y.shape[2], -1)[:, :, :h, :w]


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    if weight.shape[-1] == 3 and stride == 1 and groups == 1:
        y = _winograd(x, weight, padding)
        return (y + bias.float()[:, None, None]).to(x.dtype)
    out = F.conv2d(x.float(), weight.float(), bias.float(), stride, padding, groups=groups)
    return out.to(x.dtype)
