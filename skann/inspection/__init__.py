"""What a person looks at to understand a network and its training."""

from skann.inspection.learning_rate import LearningRateCurve, suggest_learning_rate
from skann.inspection.trace import BackpropTrace, LayerTrace, trace_backprop

__all__ = [
    "BackpropTrace",
    "LayerTrace",
    "LearningRateCurve",
    "suggest_learning_rate",
    "trace_backprop",
]
