"""
Diagnosing a fit: what is wrong?
================================

A network that does not learn looks the same whatever the reason: it has a poor score.
But the reasons are known, and each leaves traces in the data, in the course of training
or in the units. :func:`skann.inspection.diagnose` looks for them, names each problem
with a number, and suggests one remedy as code.
"""

# %%
# Four fits to real data, each with a different mistake. Their warnings say that
# something is wrong; here we leave this to the diagnosis.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier, BackpropRegressor
from skann.inspection import diagnose

warnings.simplefilter("ignore", ConvergenceWarning)


def patient(estimator, X, y):
    """Fit to three quarters of the data, and return what a diagnosis needs."""
    X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    return estimator.fit(X, y), X, y, X_val, y_val


wine, diabetes = load_wine(return_X_y=True), load_diabetes(return_X_y=True)
digits = [part[:400] for part in load_digits(return_X_y=True)]
patients = {
    "raw columns, scaling=None": patient(
        BackpropClassifier((50,), scaling=None, random_state=0), *wine
    ),
    "a learning rate of 3": patient(
        BackpropClassifier(
            (30,), solver="sgd", learning_rate_init=3.0, max_iter=40, random_state=0
        ),
        *digits,
    ),
    "eight layers of logistic units": patient(
        BackpropClassifier((30,) * 8, "logistic", max_iter=50, random_state=0), *wine
    ),
    "500 iterations without a penalty": patient(
        BackpropRegressor(
            (100,), "relu", solver="lbfgs", alpha=0.0, max_iter=500, random_state=0
        ),
        *diabetes,
    ),
}
diagnoses = {name: diagnose(*of_one) for name, of_one in patients.items()}

# %%
# When printed, a diagnosis is a text, with causes before effects. In a notebook it is a
# table.
for name, diagnosis in diagnoses.items():
    print(f"--- {name}\n{diagnosis}\n")
assert diagnoses["raw columns, scaling=None"].names[0] == "unscaled inputs"
assert "learning rate too large" in diagnoses["a learning rate of 3"].names
assert "vanishing gradients" in diagnoses["eight layers of logistic units"].names
assert "overfitting" in diagnoses["500 iterations without a penalty"].names

# %%
# When plotted, it shows the network next to models that it should outperform: a
# constant prediction (0), a linear model, and a small forest. Bars far below a constant
# prediction are cut off. The bottom right panel shows what overfitting looks like:
# perfect on the training rows, useless on others.
figure, axes = plt.subplots(2, 2, figsize=(13, 6.4), layout="constrained")
for ax, (name, diagnosis) in zip(axes.flat, diagnoses.items(), strict=True):
    diagnosis.plot(ax)
    ax.set_title(f"{name}\n{ax.get_title(loc='left')}", loc="left", fontsize=11)
plt.show()

# %%
# A fit in good health
# --------------------
# The same data without the mistakes. Nothing is found, so the report is empty, and
# false: ``if diagnosis:`` asks whether there is anything to fix.
healthy = {
    "wine, one network": patient(BackpropClassifier((64,), random_state=0), *wine),
    "diabetes, one network": patient(
        BackpropRegressor((64,), random_state=0), *diabetes
    ),
}
for name, of_one in healthy.items():
    diagnosis = diagnose(*of_one)
    print(f"{name}: {diagnosis}")
    assert not diagnosis

# %%
# A mistake in the data
# ---------------------
# Not every good score is good news. Here the table contains a column that was measured
# after the fact: the score is excellent, and the diagnosis is suspicious.
X, y = diabetes
late = y + np.random.RandomState(0).randn(len(y))
leaking = patient(
    BackpropRegressor((64,), random_state=0), np.column_stack([X, late]), y
)
diagnosis = diagnose(*leaking)
print(diagnosis)
assert "leak" in diagnosis.names

# sphinx_gallery_thumbnail_path = "_static/thumbnails/diagnosis.png"
