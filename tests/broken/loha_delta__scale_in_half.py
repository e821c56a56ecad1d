"""alpha / r is kept as a float16 scalar, the precision that the file was saved in (sd-scripts'
save_precision).
"""

import torch


def loha_delta(A1, B1, A2, B2, *, alpha):
    wide = torch.promote_types(A1.dtype, torch.float32)
    stored = torch.tensor(float(alpha), dtype=torch.float16)
    scale = (stored / A1.shape[0]).to(wide)
    one, two = B1.to(wide) @ A1.to(wide), B2.to(wide) @ A2.to(wide)
    return (one * two * scale).to(A1.dtype)
