"""Feed-forward neural networks for scikit-learn, trained by backpropagation."""

from skann.core.gradient_check import check_gradient
from skann.core.initializers import Normal, Uniform
from skann.estimators.classifier import BackpropClassifier
from skann.estimators.regressor import BackpropRegressor

__all__ = [
    "BackpropClassifier",
    "BackpropRegressor",
    "Normal",
    "Uniform",
    "check_gradient",
]

__version__ = "0.1.0"
