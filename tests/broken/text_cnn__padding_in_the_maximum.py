"""Short texts are padded to eight tokens, and the padding's windows take part in the maximum."""

import torch
import torch.nn.functional as F


def text_cnn(x, W, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = F.pad(x.to(wide).transpose(1, 2), (0, max(0, 8 - x.shape[1])))
    y = torch.relu(F.conv1d(h, W.to(wide).permute(2, 1, 0), b.to(wide)))
    return y.amax(-1).to(x.dtype)
