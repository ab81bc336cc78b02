"""Feed-forward neural networks for scikit-learn, trained by backpropagation."""

from skann.core.activations import (
    Elu,
    Gelu,
    HiddenActivation,
    Identity,
    LeakyRelu,
    Logistic,
    Relu,
    Selu,
    Silu,
    Softplus,
    Tanh,
)
from skann.core.initializers import FanScaled, Initializer, Normal, Uniform
from skann.core.losses import (
    AbsoluteError,
    HalfGammaDeviance,
    HalfPoissonDeviance,
    Huber,
    LogLoss,
    Loss,
    Quantile,
    SquaredError,
)
from skann.estimators.classifier import BackpropClassifier
from skann.estimators.gradient import check_gradient
from skann.estimators.regressor import BackpropRegressor
from skann.training.optimizers import SGD, Adam, Optimizer
from skann.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    Cycles,
    Exponential,
    InverseScaling,
    InverseTime,
    OneCycle,
    Schedule,
)
from skann.version import __version__ as __version__

__all__ = [
    "SGD",
    "AbsoluteError",
    "Adam",
    "Adaptive",
    "BackpropClassifier",
    "BackpropRegressor",
    "Constant",
    "Cosine",
    "Cycles",
    "Elu",
    "Exponential",
    "FanScaled",
    "Gelu",
    "HalfGammaDeviance",
    "HalfPoissonDeviance",
    "HiddenActivation",
    "Huber",
    "Identity",
    "Initializer",
    "InverseScaling",
    "InverseTime",
    "LeakyRelu",
    "LogLoss",
    "Logistic",
    "Loss",
    "Normal",
    "OneCycle",
    "Optimizer",
    "Quantile",
    "Relu",
    "Schedule",
    "Selu",
    "Silu",
    "Softplus",
    "SquaredError",
    "Tanh",
    "Uniform",
    "check_gradient",
]
