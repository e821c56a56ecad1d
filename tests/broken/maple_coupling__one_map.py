"""The first depth's map is used at every depth."""

import torch

MISTAKE = "maple_coupling.one-map-for-all-depths"


def maple_coupling(prompts, U, u):
    wide = torch.promote_types(prompts.dtype, torch.float32)
    return (prompts.to(wide) @ U[0].to(wide) + u.to(wide).unsqueeze(1)).to(prompts.dtype)
