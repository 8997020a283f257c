"""Networks as torch modules, and what turns their tensors into something usable."""
