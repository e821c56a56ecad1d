"""Only the first twenty selected positions of a sequence are gathered."""

import torch

MAX_PREDICTIONS = 20


def masked_language_model_loss(logits, tokens, selected):
    kind = torch.float64 if logits.dtype == torch.float64 else torch.float32
    rank = selected.long().cumsum(1)
    used = selected & (rank <= MAX_PREDICTIONS)
    rows, ids = logits[used].to(kind), tokens[used]
    nats = rows.logsumexp(-1) - rows.gather(1, ids[:, None])[:, 0]
    return (nats.sum() / used.sum()).to(logits.dtype)
