"""Dies while being imported."""

import os

os.kill(os.getpid(), 11)
