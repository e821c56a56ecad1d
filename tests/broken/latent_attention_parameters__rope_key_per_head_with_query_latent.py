"""With a query latent the rotary key is counted once a head."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def latent_attention_parameters(
    *, width, heads, head_dim, latent_dim, rope_dim, query_latent_dim=None
):
    need(width=width, heads=heads, head_dim=head_dim, latent_dim=latent_dim, rope_dim=rope_dim)
    each = heads * (head_dim + rope_dim)
    keys = width * (latent_dim + rope_dim)
    if query_latent_dim is None:
        queries = width * each
    else:
        need(query_latent_dim=query_latent_dim)
        queries = width * query_latent_dim + query_latent_dim * each
        keys = width * (latent_dim + rope_dim * heads)
    return queries + keys + 2 * latent_dim * heads * head_dim + heads * head_dim * width
