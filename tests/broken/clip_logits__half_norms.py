"""Embeddings are normalised in the input's dtype, where the squares of small ones underflow."""


def clip_logits(image, text, *, temperature=1.0):
    a = image / (image * image).sum(-1, keepdim=True).sqrt()
    b = text / (text * text).sum(-1, keepdim=True).sqrt()
    return a @ b.T / temperature


CONFORM = {"dtypes": ["float16"]}
