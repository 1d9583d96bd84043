"""The comparison: reads finished run folders and says which arm is ahead, and how surely."""
