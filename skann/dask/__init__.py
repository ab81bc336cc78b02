"""Estimators for data that are distributed over the workers of a Dask cluster.

This requires dask and distributed: pip install "skann[dask]".
"""

from skann.dask.cluster import LostClusterError
from skann.dask.estimators import DaskBackpropClassifier, DaskBackpropRegressor

__all__ = ["DaskBackpropClassifier", "DaskBackpropRegressor", "LostClusterError"]
