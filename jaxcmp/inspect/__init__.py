"""Why one arm is ahead: how finished runs see images that are moved, torn, filtered or spoiled."""
