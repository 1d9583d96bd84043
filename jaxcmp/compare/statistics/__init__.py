"""Statistics as pure functions of arrays, taken from scipy, statsmodels and scikit-learn."""
