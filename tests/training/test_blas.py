"""What a fit asks of the BLAS is done once, and taken back afterwards."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from skann import BackpropRegressor
from skann.training.blas import touch_memory_of_products


def blas_threads():
    """Return the number of threads of every BLAS that is loaded, by its file."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.filepath: library.num_threads for library in libraries}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_memory_is_touched_once_and_threads_come_back(solver):
    X = np.random.RandomState(0).randn(60, 3)
    regressor = BackpropRegressor(
        (4,), recipe="mlp", solver=solver, max_iter=2, tol=10.0, random_state=0
    )
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        for _ in range(2):
            regressor.fit(X, X[:, 0])
        assert blas_threads() == before
    assert touch_memory_of_products.cache_info().misses == 1
