"""Width and resolution are counted once in the cost."""

MISTAKE = "compound_scaling.squares-forgotten"


def compound_scaling(phi, *, alpha=1.2, beta=1.1, gamma=1.15):
    return alpha**phi, beta**phi, gamma**phi, (alpha * beta * gamma) ** phi
