"""The same estimators where the rows live elsewhere: on the workers of a Dask cluster.

It needs dask and distributed: pip install "skann[dask]".
"""

from skann.dask.cluster import LostClusterError
from skann.dask.estimators import DaskBackpropClassifier, DaskBackpropRegressor

__all__ = ["DaskBackpropClassifier", "DaskBackpropRegressor", "LostClusterError"]
