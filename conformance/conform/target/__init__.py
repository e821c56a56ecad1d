"""How targets are named, loaded, declared and understood. Importing this does not import torch."""
