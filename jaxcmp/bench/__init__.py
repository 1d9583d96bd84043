"""How fast this machine trains: a run measured part by part, and side by side with PyTorch."""
