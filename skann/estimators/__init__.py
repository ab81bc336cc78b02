"""The estimators: the interface to scikit-learn."""
