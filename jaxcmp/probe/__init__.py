"""Logistic regression on the features of a frozen network, as a command."""
