"""Names that end in bias are trained, in_proj_bias included."""

MISTAKE = "bitfit_parameters.ends-with-bias"


def bitfit_parameters(named_parameters, *, head=None):
    names = [name for name, _ in named_parameters]
    inside = {name for name in names if head and name.startswith(head + ".")}
    return inside | {name for name in names if name.endswith("bias")}
