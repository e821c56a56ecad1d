"""One module per verb of the command line; heavy imports happen inside the functions."""
