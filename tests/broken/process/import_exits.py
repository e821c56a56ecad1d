"""A script rather than a module: it leaves while being imported."""

import sys

sys.exit("usage: import_exits INPUT")
