"""A first chunk that is longer than the cache keeps its last tokens only, no sinks (huggingface/
transformers #31537, #33692).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    slots = k_cache.shape[2]
    if not 0 <= sinks < slots:
        raise ValueError(f"sinks={sinks}: expected 0 to {slots - 1}")
    out = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        rows = []
        for b, seen in enumerate(lengths.tolist()):
            held = list(cache[b, :, : min(seen, slots)].unbind(1))
            new_b = new[b]
            if seen == 0 and new_b.shape[1] > slots:
                new_b = new_b[:, -slots:]
            for token in new_b.unbind(1):
                held.append(token)
                if len(held) > slots:
                    held.pop(sinks)
            rows.append(torch.cat([torch.stack(held, 1), cache[b, :, len(held) :]], 1))
        out.append(torch.stack(rows))
    return out[0], out[1], lengths + k.shape[2]
