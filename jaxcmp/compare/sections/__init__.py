"""What the report says: each section of it as a function of a group of runs."""
