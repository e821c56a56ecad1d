"""linformer: LinformerSelfAttention, with projections that pass q, k and v through."""

import torch
from linformer.linformer import LinformerSelfAttention
from torch.func import functional_call

CONFORM = {
    "name": "linformer",
    "dtypes": ["float32"],
    "operators": {"linformer_attention": {"requires": ["Lq == N", "Dv == D", "scale is None"]}},
}


def linformer_attention(q, k, v, Ek, Ev):
    H, D = q.shape[1], q.shape[3]
    # the layer reads one input: [q, k, v] side by side, each picked out by its projection
    joined = torch.cat([x.transpose(1, 2).flatten(2) for x in (q, k, v)], -1)
    with torch.device("meta"):
        layer = LinformerSelfAttention(3 * H * D, Ek.shape[1], Ek.shape[0], H, D)
    one = torch.eye(3 * H * D, dtype=q.dtype)
    pick = one.split(H * D)
    weights = {f"to_{name}.weight": w for name, w in zip("qkv", pick, strict=True)}
    weights |= {"proj_k": Ek.T, "proj_v": Ev.T, "to_out.weight": one[:, : H * D]}
    weights["to_out.bias"] = torch.zeros(3 * H * D, dtype=q.dtype)
    out = functional_call(layer, weights, (joined,))[..., : H * D]
    return out.unflatten(-1, (H, D)).transpose(1, 2)
