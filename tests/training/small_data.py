"""A few rows to learn from, dense and sparse, that the tests of training share."""

import numpy as np
import pytest
from scipy import sparse

from skann.data.rows import TrainingData

N_SAMPLES, N_INPUTS, N_OUTPUTS = 10, 3, 2
CONTAINERS = {"dense": np.asarray, "sparse": sparse.csr_array}
all_containers = pytest.mark.parametrize(
    "container", CONTAINERS.values(), ids=CONTAINERS
)


def make_data(container=np.asarray, weighted=False):
    random_state = np.random.RandomState(0)
    X = random_state.randn(N_SAMPLES, N_INPUTS)
    target = random_state.randn(N_SAMPLES, N_OUTPUTS)
    weight = random_state.uniform(0.2, 2, N_SAMPLES) if weighted else None
    mean_weight = float(weight.mean()) if weighted else 1.0
    return TrainingData(container(X), target, weight, mean_weight)
