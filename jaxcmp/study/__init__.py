"""The whole study: a plan of runs, each brought to its result, and one report of them all."""
