"""The sections of the report, each a function of a group of runs."""
