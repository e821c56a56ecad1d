"""Tunes itself for an hour while being imported."""

import time

time.sleep(3600)
