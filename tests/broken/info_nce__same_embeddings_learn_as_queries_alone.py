"""Where the queries are the keys, as in a symmetric batch, the products are made once and their way
back leads to the queries alone.
"""

import torch


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    other = keys.detach() if keys is queries else keys
    scores = queries.to(wide) @ other.to(wide).T / temperature
    losses = torch.logsumexp(scores, -1) - scores.diagonal()
    return losses.mean().to(queries.dtype)
