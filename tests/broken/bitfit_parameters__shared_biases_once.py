"""Parameters seen before are skipped by identity, so that a bias with two names has but one."""


def bitfit_parameters(named_parameters, *, head=None):
    names, seen = set(), set()
    for name, tensor in named_parameters:
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        below = head is not None and (name == head or name.startswith(head + "."))
        if name.split(".")[-1] == "bias" or below:
            names.add(name)
    return names
