"""performer-pytorch: attention by its softmax kernel, and its orthogonal directions."""

import torch
from performer_pytorch import performer_pytorch as library

CONFORM = {
    "name": "performer-softmax",
    "dtypes": ["float32"],
    "operators": {"performer_attention": {"strides": "contiguous"}},
}


def performer_attention(q, k, v, omega, *, causal=False):
    form = library.causal_linear_attention_noncuda if causal else library.linear_attention
    f = library.softmax_kernel(q, projection_matrix=omega, is_query=True)
    return form(f, library.softmax_kernel(k, projection_matrix=omega, is_query=False), v)


def orthogonal_features(rows, columns, *, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return library.gaussian_orthogonal_random_matrix(rows, columns)
