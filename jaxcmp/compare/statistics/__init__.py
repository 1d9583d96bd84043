"""Statistics as pure functions of arrays, most of them from scipy, statsmodels and scikit-learn.

Our own are contrasts of cells with unequal spread, Fieller's interval of a share of a gap, and the
calibration error with its interval.
"""
