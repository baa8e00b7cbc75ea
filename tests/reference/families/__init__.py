"""One module for each group of checkpoint families: tiny checkpoints and what the reference makes of them."""
