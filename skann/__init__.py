"""Feed-forward neural networks for scikit-learn, trained by backpropagation."""

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer, Normal, Uniform
from skann.core.losses import Loss
from skann.estimators.classifier import BackpropClassifier
from skann.estimators.gradient import check_gradient
from skann.estimators.regressor import BackpropRegressor
from skann.training.optimizers import Optimizer
from skann.training.schedules import Schedule

__all__ = [
    "BackpropClassifier",
    "BackpropRegressor",
    "HiddenActivation",
    "Initializer",
    "Loss",
    "Normal",
    "Optimizer",
    "Schedule",
    "Uniform",
    "check_gradient",
]

__version__ = "0.1.0"
