"""The scale is the root of the number of latents."""

import torch


def latent_tokenizer(patches, latents, Wq, Wk, Wv, codebook):
    wide = torch.promote_types(patches.dtype, torch.float32)
    own = latents.to(wide).expand(len(patches), -1, -1)
    tokens = torch.cat([patches.to(wide), own], 1)
    q, k, v = own @ Wq.to(wide), tokens @ Wk.to(wide), tokens @ Wv.to(wide)
    weights = torch.softmax(q @ k.mT / q.shape[1] ** 0.5, -1)
    h = own + weights @ v
    book = codebook.to(wide)
    index = (h[..., None, :] - book).square().sum(-1).argmin(-1)
    return index, book[index].to(patches.dtype)
