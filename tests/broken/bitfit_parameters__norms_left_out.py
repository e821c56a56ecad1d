"""Biases of norms are taken for weights of the norm and left out."""


def bitfit_parameters(named_parameters):
    return {
        n for n, _ in named_parameters if n.split(".")[-1] == "bias" and "norm" not in n.lower()
    }
