"""The mathematics of networks, independent of data and of scikit-learn."""
