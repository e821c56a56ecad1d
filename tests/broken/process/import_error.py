"""Cannot be imported: it counts on a module that is not there."""


def prepare():
    import no_such_module_for_conform

    return no_such_module_for_conform


prepare()
