"""Targets are the row rolled by one; the last target is the first token."""


def next_token_pairs(tokens):
    return tokens[:, :-1].clone(), tokens[:, :-1].roll(-1, 1)
