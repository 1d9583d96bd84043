"""Evaluations of finished runs on other images."""
