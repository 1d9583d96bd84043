"""A trained run as files for other software: weights in published names, a program, a model card."""
