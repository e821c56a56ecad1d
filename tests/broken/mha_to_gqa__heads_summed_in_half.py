"""The heads of a group are added one by one in the weights' own dtype."""


def mha_to_gqa(W, *, heads, kv_heads):
    E, D = W.shape[0], W.shape[1] // heads
    grouped = W.reshape(E, kv_heads, heads // kv_heads, D)
    total = grouped[:, :, 0]
    for g in range(1, heads // kv_heads):
        total = total + grouped[:, :, g]
    return (total / (heads // kv_heads)).reshape(E, kv_heads * D)
