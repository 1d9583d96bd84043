"""Measures how fast this machine trains, part by part, and side by side with PyTorch."""
