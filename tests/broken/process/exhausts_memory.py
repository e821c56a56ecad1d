"""Materialises far too much."""


def softmax(x):
    rows = [x.new_ones(1 << 28)]
    while True:
        rows.append(rows[0] * 1.0)
