"""A trained run for other software: weights in published names, a program, a model card."""
