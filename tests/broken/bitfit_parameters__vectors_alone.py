"""A bias of more than one dimension is not taken for one."""


def bitfit_parameters(named_parameters, *, head=None):
    out = set()
    for name, tensor in named_parameters:
        below = head is not None and name.startswith(head + ".")
        if below or (name.split(".")[-1] == "bias" and tensor.dim() == 1):
            out.add(name)
    return out
