"""The measurements on which the checks are based, made once and only on demand."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.utils import check_consistent_length

from skann.core.network import Workspace
from skann.core.types import FloatArray, Matrix
from skann.estimators.fitted import fitted_problem, model_of, used_settings
from skann.estimators.inputs import check_inputs, refuse_missing_targets
from skann.estimators.reading import Reading, Rows, read_rows
from skann.estimators.recipes import has_end
from skann.estimators.sklearn_private import safe_indexing
from skann.inspection.diagnosis.report import Finding
from skann.inspection.diagnosis.truth import Part, Truth
from skann.inspection.learning_rate import LearningRateCurve, suggest_learning_rate
from skann.training.batches import loss_and_gradient
from skann.training.schedules import Horizon

# Predictions are judged by this many rows, drawn at random: the standard error of a
# proportion is then below 0.01.
ROWS_TO_PREDICT = 5000

# Simpler models are fitted to this many rows, which takes a fraction of a second.
ROWS_TO_COMPARE = 800

# Units and gradients are examined for this many rows and members.
ROWS_TO_PASS = 400
MEMBERS_TO_PASS = 2

# For wider tables, trees take too long.
MOST_COLUMNS_OF_TREES = 300

# The number of trees of a forest, so that each row is left out by about ten of them.
N_TREES = 25
LARGEST_OF_TREES = 1e30
# With more columns, each split considers only some of them.
FEW_COLUMNS = 20

# For a linear model, cells are clipped this many standard deviations from the mean.
WIDEST = 10.0
# Its penalty is the best of these, for columns with unit variance.
PENALTIES = (1.0, 30.0, 1000.0)

# With more outputs, simpler models take too long.
MOST_OUTPUTS = 30

# The number of steps of the learning-rate range test, and its last rate: larger rates
# drive units so far that their numbers become subnormal, which is slow.
RANGE_STEPS = 100
HIGHEST_RATE = 1.0


@dataclass(frozen=True, eq=False)
class LayerPass:
    """The values of a hidden layer in a forward and backward pass.

    Parameters
    ----------
    activation : object
        The activation function of the layer.

    slopes, deltas : ndarray of shape (n_samples, n_units)
        The derivatives of the activation function, and the gradient of the objective
        with respect to the pre-activation.
    """

    activation: Any
    slopes: FloatArray
    deltas: FloatArray


class Evidence:
    """A fitted estimator and its data, and the findings so far.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    X, y
        The data to which it was fitted.

    X_val, y_val
        Data that were not used for fitting, or None.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, X_val: Any, y_val: Any):
        self.findings: tuple[Finding, ...] = ()
        self.estimator = estimator
        self.model = model_of(estimator)
        self.settings = used_settings(estimator)
        check_consistent_length(X, y)
        check_consistent_length(X_val, y_val)
        refuse_missing_targets(y, hasattr(estimator, "classes_"))
        self.X, self.y, self.X_val, self.y_val = X, y, X_val, y_val
        self.truth = Truth(estimator, self.settings)
        self.rows: Rows = read_rows(estimator, X, Reading.of(estimator))[0]
        self.n_rows = self.rows.numbers.shape[0]
        # Raises an error if y is invalid.
        self.encoded = self.truth.encode(y)
        self.weight = self.truth.weigh(y)

    @property
    def found(self) -> frozenset[str]:
        """The names of the findings so far."""
        return frozenset(finding.name for finding in self.findings)

    # --------------------------------------------------------------------- columns

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns of X."""
        names = getattr(self.estimator, "feature_names_in_", None)
        if names is None:
            return [f"x{number}" for number in range(self.estimator.n_features_in_)]
        return [str(name) for name in names]

    @property
    def is_categorical(self) -> np.ndarray:
        """Which columns of X are categorical."""
        known = self.rows.is_categorical
        return np.zeros(len(self.names), bool) if known is None else known

    @cached_property
    def number_names(self) -> list[str]:
        """The names of the numeric columns."""
        return [self.names[j] for j in np.flatnonzero(~self.is_categorical)]

    @cached_property
    def label_names(self) -> list[str]:
        """The names of the categorical columns."""
        return [self.names[j] for j in np.flatnonzero(self.is_categorical)]

    @cached_property
    def is_sparse(self) -> bool:
        """Whether X is sparse."""
        return sparse.issparse(self.rows.numbers)

    @cached_property
    def matrix(self) -> Matrix:
        """X as the inputs of the network, unscaled."""
        return check_inputs(self.estimator, self.X)

    @cached_property
    def rows_val(self) -> Rows | None:
        """The columns of X_val, or None."""
        if self.X_val is None:
            return None
        return read_rows(self.estimator, self.X_val, Reading.of(self.estimator))[0]

    # ----------------------------------------------------------------- predictions

    @cached_property
    def _drawn(self) -> np.ndarray:
        """The indices of the rows by which predictions are judged."""
        return _draw(self.n_rows, ROWS_TO_PREDICT)

    @cached_property
    def scale(self) -> FloatArray:
        """The number by which the errors of each output are divided."""
        if self.truth.is_classifier:
            return np.ones(1)
        spread = self.encoded.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        return scale if self.truth.quantiles is None else scale[:1]

    @cached_property
    def constant(self) -> FloatArray:
        """The best constant prediction of y."""
        return self.truth.best_constant(self.encoded, self.weight)

    def part(
        self, encoded: FloatArray, predicted: FloatArray, weight: FloatArray
    ) -> Part:
        """Return rows together with their predictions."""
        return Part(self.truth, encoded, predicted, weight, self.scale, self.constant)

    @cached_property
    def seen(self) -> Part:
        """Training rows, with the predictions of the estimator."""
        X = take(self.X, self._drawn, self.n_rows)
        return self.part(
            self.encoded[self._drawn], self.truth.predict(X), self.weight[self._drawn]
        )

    @cached_property
    def unseen(self) -> Part | None:
        """Rows that were not used for training, or None if there are none.

        They are the validation data or, without these, the training rows with the
        predictions of the members that left them out.
        """
        if self.X_val is not None:
            encoded = self.truth.encode(self.y_val, "y_val")
            rows = _draw(len(encoded), ROWS_TO_PREDICT)
            X = take(self.X_val, rows, len(encoded))
            weight = self.truth.weigh(self.y_val)[rows]
            return self.part(encoded[rows], self.truth.predict(X), weight)
        name = (
            "oof_decision_function_"
            if self.truth.is_classifier
            else ("oof_prediction_")
        )
        predicted = getattr(self.estimator, name, None)
        if predicted is None or len(predicted) != self.n_rows:
            return None
        predicted = np.asarray(predicted, np.float64).reshape(self.n_rows, -1)
        part = self.part(self.encoded, predicted, self.weight)
        return part if self._is_of_these_rows(part) else None

    def _is_of_these_rows(self, part: Part) -> bool:
        """Return whether the out-of-fold predictions belong to the rows of X."""
        known = float(self.estimator.oof_score_)
        if not self.truth.is_classifier:
            return part.skill > known - 0.2
        score = part.hits
        if self.truth.is_multilabel:
            score = np.floor(score)
        return abs(float(score.mean()) - known) < 0.1

    @property
    def name_of_unseen(self) -> str:
        """What to call the rows that were not used for training."""
        if self.X_val is not None:
            return "the validation data"
        return "left-out rows"

    # -------------------------------------------------------------- simpler models

    @cached_property
    def _compared(self) -> np.ndarray:
        """The indices of the rows to which simpler models are fitted."""
        return _draw(self.n_rows, ROWS_TO_COMPARE)

    @cached_property
    def can_compare(self) -> bool:
        """Whether simpler models can be fitted, and are comparable."""
        n_outputs = self.encoded.shape[1]
        return (
            self.truth.quantiles is None
            and n_outputs <= MOST_OUTPUTS
            and self.n_rows >= 20
            and bool(np.ptp(self.encoded, axis=0).any())
        )

    def _skill_of(self, predicted: FloatArray) -> float:
        """Return the skill of the predictions of a simpler model for unseen rows."""
        rows = self._compared
        if self.truth.is_classifier:
            predicted = np.clip(predicted, 0, 1)
        predicted = predicted.reshape(len(rows), -1)
        return self.part(self.encoded[rows], predicted, self.weight[rows]).skill

    @cached_property
    def linear_skill(self) -> float | None:
        """The skill of a linear model for unseen rows, or None."""
        if not self.can_compare:
            return None
        rows = self._compared
        if self.is_sparse:
            features = self.matrix[rows]
        else:
            # An outlier must not spoil the model for all other cells.
            robust = RobustScaler().fit_transform(self.model.scaled(self.matrix)[rows])
            features = StandardScaler().fit_transform(np.clip(robust, -WIDEST, WIDEST))
        folds = KFold(5, shuffle=True, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return max(
                self._skill_of(
                    cross_val_predict(
                        Ridge(penalty), features, self.encoded[rows], cv=folds
                    )
                )
                for penalty in PENALTIES
            )

    @cached_property
    def forest_skill(self) -> float | None:
        """The skill of a small random forest for unseen rows, or None."""
        n_columns = self.matrix.shape[1]
        if not self.can_compare or self.is_sparse or n_columns > MOST_COLUMNS_OF_TREES:
            return None
        rows = self._compared
        forest = RandomForestRegressor(
            N_TREES, min_samples_leaf=3, oob_score=True, random_state=0,
            max_features=0.5 if n_columns <= FEW_COLUMNS else "sqrt",
        )  # fmt: skip
        encoded = self.encoded[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forest.fit(
                # Trees compute in float32.
                np.clip(self.matrix[rows], -LARGEST_OF_TREES, LARGEST_OF_TREES),
                encoded[:, 0] if encoded.shape[1] == 1 else encoded,
            )
        return self._skill_of(forest.oob_prediction_)

    @cached_property
    def reference(self) -> tuple[str, float] | None:
        """The better of the two models for unseen rows, and its skill; or None."""
        skills = {"a linear model": self.linear_skill, "a forest": self.forest_skill}
        known = {name: skill for name, skill in skills.items() if skill is not None}
        if not known:
            return None
        best = max(known, key=lambda name: known[name])
        return best, known[best]

    @property
    def skills(self) -> dict[str, float]:
        """All skills that are known, by name."""
        found = {
            "linear model, unseen rows": self.linear_skill,
            "forest, unseen rows": self.forest_skill,
            "network, training rows": self.seen.skill,
        }
        if self.unseen is not None:
            found["network, unseen rows"] = self.unseen.skill
        return {
            name: float(skill) for name, skill in found.items() if skill is not None
        }

    # -------------------------------------------------------------------- training

    @cached_property
    def losses(self) -> np.ndarray:
        """The training loss of each epoch."""
        return np.asarray(self.estimator.history_["loss"], np.float64)

    @cached_property
    def rates(self) -> np.ndarray:
        """The learning rate of each epoch; empty for L-BFGS."""
        rates = self.estimator.history_["learning_rate"]
        return np.array([rate for rate in rates if rate is not None], np.float64)

    @cached_property
    def is_stream(self) -> bool:
        """Whether each epoch used only a part of the rows, as with `partial_fit`."""
        estimator = self.estimator
        return 0 < estimator.t_ < 0.5 * estimator.n_iter_ * self.n_rows

    @cached_property
    def n_steps(self) -> int:
        """The approximate number of steps since training began."""
        n_epochs = max(self.estimator.n_iter_, 1)
        rows = max(1, round(self.estimator.t_ / n_epochs))
        size = self.settings.batch_size
        batch = 200 if isinstance(size, str) else int(size)
        return n_epochs * -(-rows // max(1, min(batch, rows)))

    @property
    def ends_by_itself(self) -> bool:
        """Whether the learning-rate schedule has an end."""
        schedule = self.settings.learning_rate
        return self.settings.is_stochastic and (
            isinstance(schedule, Horizon) or has_end(schedule)
        )

    @cached_property
    def is_cut_off(self) -> bool:
        """Whether `max_iter` ended the training."""
        return 0 < self.settings.max_iter <= self.estimator.n_iter_

    @cached_property
    def constant_loss(self) -> float:
        """The loss of the best constant prediction, in the units of the history."""
        objective, _, data = self._problem(0)
        value = objective.loss.value_of_constant(data.dense_target, data.sample_weight)
        if value is None or not np.isfinite(value):
            return float(np.abs(self.losses[:1]).max(initial=1e-12))
        total = data.mean_weight * data.n_samples
        return max(abs(float(value)) / total, 1e-12)

    @property
    def _one_network(self) -> Any:
        """An unfitted estimator that starts like one member of this estimator."""
        known = self.estimator.get_params(deep=False)
        params = {
            name: value
            for name, value in self.estimator.auto_params_.items()
            if name in known
        }
        params |= {"n_members": 1, "recipe": self.estimator.recipe_}
        return clone(self.estimator).set_params(**params)

    @cached_property
    def range_test(self) -> LearningRateCurve | None:
        """The result of the learning-rate range test.

        None if it is inconclusive.
        """
        rows = _draw(self.n_rows, ROWS_TO_PREDICT)
        X = take(self.X, rows, self.n_rows)
        y = take(self.y, rows, self.n_rows)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return suggest_learning_rate(
                    self._one_network, X, y, highest=HIGHEST_RATE, n_steps=RANGE_STEPS
                )
        except ValueError:
            return None

    # -------------------------------------------------------------------- passes

    def _problem(self, member: int) -> Any:
        """Return the problem that a member minimises, for some rows."""
        rows = _draw(self.n_rows, ROWS_TO_PASS)
        X = take(self.X, rows, self.n_rows)
        y = take(self.y, rows, self.n_rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fitted_problem(self.estimator.member(member), X, y)

    @cached_property
    def passes(self) -> list[list[LayerPass]]:
        """The hidden layers of some members.

        The last element of each list is the output layer, without activation and
        slopes.
        """
        n_members = min(MEMBERS_TO_PASS, self.model.architecture.n_members)
        found = []
        for member in range(n_members):
            objective, theta, data = self._problem(member)
            network = objective.network
            workspace = Workspace(network, data.n_samples, theta.dtype, keep=True)
            with np.errstate(all="ignore"):
                loss_and_gradient(objective, theta, data, workspace)
            memories: Any = workspace.buffers(data.n_samples).memories
            found.append(
                [
                    LayerPass(activation, memory.slope, memory.kept["delta"])
                    for activation, memory in zip(
                        [*network.activations, None],
                        memories[-network.n_layers :],
                        strict=True,
                    )
                ]
            )
        return found


def _draw(n_rows: int, most: int) -> np.ndarray:
    """Return the indices of at most that many rows, always the same, in order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.RandomState(0).choice(n_rows, most, replace=False))


def take(table: Any, rows: np.ndarray, n_rows: int) -> Any:
    """Return some rows of a table of any kind, or the table itself for all rows."""
    if len(rows) == n_rows:
        return table
    return safe_indexing(table.tocsr() if sparse.issparse(table) else table, rows)
