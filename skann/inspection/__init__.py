"""What a person looks at to understand a network and its training."""

from skann.inspection.learning_rate import LearningRateCurve, suggest_learning_rate

__all__ = ["LearningRateCurve", "suggest_learning_rate"]
