"""The oracle: every operator of the specs in plain, readable PyTorch."""
