"""`python -m conform`."""

from conform.cli import main

main()
