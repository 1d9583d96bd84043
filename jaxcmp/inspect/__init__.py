"""Why one arm is ahead: what runs answer where images are shifted, shuffled or corrupted."""
