"""Tools for understanding a network and its training."""

from skann.inspection.activation_curves import ActivationDisplay
from skann.inspection.animation import animate_epochs
from skann.inspection.curves import LossCurveDisplay, ParameterPathDisplay
from skann.inspection.diagnosis import Diagnosis, Finding, diagnose
from skann.inspection.error_surface import ErrorSurfaceDisplay
from skann.inspection.learning_rate import LearningRateCurve, suggest_learning_rate
from skann.inspection.network_diagram import NetworkDiagramDisplay
from skann.inspection.trace import BackpropTrace, LayerTrace, trace_backprop
from skann.inspection.units import UnitContributionDisplay, WeightImageDisplay

__all__ = [
    "ActivationDisplay",
    "BackpropTrace",
    "Diagnosis",
    "ErrorSurfaceDisplay",
    "Finding",
    "LayerTrace",
    "LearningRateCurve",
    "LossCurveDisplay",
    "NetworkDiagramDisplay",
    "ParameterPathDisplay",
    "UnitContributionDisplay",
    "WeightImageDisplay",
    "animate_epochs",
    "diagnose",
    "suggest_learning_rate",
    "trace_backprop",
]
