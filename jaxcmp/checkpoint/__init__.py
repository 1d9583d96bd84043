"""Checkpoints: written and read by Orbax, verified by our own digests."""
