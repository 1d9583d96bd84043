"""What the steps would do on a GPU, found by compiling them for it where there is none."""
