"""What the devices of a run say to each other in a step, read from the compiled program."""
