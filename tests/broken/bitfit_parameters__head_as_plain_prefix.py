"""A module whose name merely begins like the head is trained with it."""


def bitfit_parameters(named_parameters, *, head=None):
    names = [name for name, _ in named_parameters]
    found = {n for n in names if n.split(".")[-1] == "bias"}
    if head is not None:
        found |= {n for n in names if n.startswith(head)}
    return found
