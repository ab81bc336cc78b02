"""The classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer
from skann.core.losses import Loss
from skann.estimators.base import BaseBackprop, MatrixLike, has_partial_fit
from skann.estimators.constraints import AUTO, SHARE
from skann.estimators.inputs import Request
from skann.estimators.sklearn_private import StrOptions
from skann.estimators.targets import read_labels
from skann.training.optimizers import Optimizer
from skann.training.schedules import Schedule


class BackpropClassifier(ClassifierMixin, BaseBackprop):
    """A feed-forward neural network that classifies.

    It minimises the cross-entropy or the squared error by minibatch gradient descent
    or L-BFGS, for two classes, several, or several labels at once.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        The number of units of each hidden layer. An empty sequence means no hidden
        layer, which leaves a logistic regression. "auto" is (128, 128) with the recipe
        (see Notes), else (100,).

    activation : str, HiddenActivation or sequence of these, default="auto"
        The activation of all hidden layers, or one for each: "identity", "logistic",
        "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"
        (`skann.core.activations` has the formulas), or an instance of a subclass of
        `skann.HiddenActivation`. "auto" is "silu" with the recipe (see Notes), else
        "relu".

    loss : {"log_loss", "squared_error"} or Loss, default="log_loss"
        The cross-entropy, -sum_k y_k log p_k (for independent outputs also
        -(1 - y_k) log(1 - p_k)), or half the squared error, sum_k (p_k - y_k)^2 / 2,
        with y_k = 1 for the true class and 0 otherwise; or an instance of a subclass of
        `skann.Loss`.

    class_weight : dict, "balanced" or None, default=None
        Weights by which the samples of each class are multiplied: {label: weight},
        with 1 for those not named, or `n_samples / (n_classes * np.bincount(y))`, in
        which samples count by their weights. It is the same as such a `sample_weight`.
        An indicator matrix of labels takes "balanced" alone, for the product over the
        labels.

    label_smoothing : float or "auto", default="auto"
        The share e, in [0, 1), of the target that goes to all classes alike: y becomes
        (1 - e) y + e / K for K classes, or (1 - e) y + e / 2 for independent outputs
        [10]_. "auto" is 0.05 with the recipe (see Notes), else 0.

    output_activation : {"auto", "logistic", "softmax"}, default="auto"
        What turns raw outputs into probabilities. "auto" is "softmax" for three or
        more classes, and "logistic" for two classes (one output) and for multilabel
        targets. "logistic" for several classes makes K independent outputs, "softmax"
        for two classes makes two outputs.

    solver : {"sgd", "adam", "lbfgs"} or Optimizer, default="adam"
        "sgd" is minibatch gradient descent with momentum, "adam" that of Kingma and
        Ba [3]_, and "lbfgs" scipy's L-BFGS-B on all data at once. An instance of a
        subclass of `skann.Optimizer` works step by step, as the first two do.

    alpha : float, default=0.0001
        The strength of the L2 penalty, `alpha / (2 n)` times the sum of the squared
        weights (not biases), with n the number of samples of the batch.

    batch_size : int or "auto", default="auto"
        The number of samples per step of "sgd" and "adam". "auto" is
        `min(200, n_samples)`.

    learning_rate : {"auto", "constant", "invscaling", "adaptive", "exponential", \
            "inverse_time", "cosine", "one_cycle"} or Schedule, default="auto"
        The schedule of "sgd" and "adam", where l counts the epochs from 0.

        - "auto": "one_cycle" with the recipe (see Notes), else "constant".
        - "constant": `learning_rate_init`.
        - "invscaling": `learning_rate_init / (t + 1) ** power_t`, where t counts the
          samples seen: with 10 000 samples the rate falls a hundredfold in the first
          epoch.
        - "adaptive": `learning_rate_init`, divided by 5 whenever `n_iter_no_change`
          epochs in a row brought no improvement of `tol`; at 1e-6 training stops.
        - "exponential": `learning_rate_init * decay ** l`.
        - "inverse_time": the rate of the epoch before, divided by `1 + decay * l`.
        - "cosine": from `learning_rate_init` along half a cosine to 0 after `max_iter`
          epochs [5]_.
        - "one_cycle": up from `learning_rate_init / 25` in the first 30 % of
          `max_iter` epochs, then down to 0, both along half a cosine [6]_.
        - an instance of a subclass of `skann.Schedule`.

    learning_rate_init : float or "auto", default="auto"
        The learning rate that the schedule starts from, or for "one_cycle" rises to.
        "auto" is 0.005 for "cosine" and "one_cycle", and 0.001 for the others. A change
        takes effect at the next call of `fit` or `partial_fit`.

    power_t : float, default=0.5
        The exponent of "invscaling".

    decay : float or None, default=None
        How fast "exponential" and "inverse_time" fall, above 0. None stands for 0.99
        and 0.01.

    max_iter : int or "auto", default="auto"
        The largest number of epochs, or of iterations of "lbfgs". "cosine" and
        "one_cycle", and so the recipe (see Notes), take all of them. "auto" is 60 for
        these, else 200.

    shuffle : bool, default=True
        Whether "sgd" and "adam" shuffle the samples before each epoch.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the validation part and the shuffles, in this
        order. Pass an int for results that can be reproduced; later calls of
        `partial_fit`, and of `fit` with `warm_start`, go on with its numbers.

    tol : float, default=1e-4
        What counts as an improvement, of the loss or (with `early_stopping`) of the
        validation score. For "lbfgs", the largest component of the gradient at which
        the search ends; it also ends where an iteration lowers the loss by less than
        2.2e-9 of itself, or less in proportion for a smaller `tol` (in float32 1.2e-7).

    verbose : bool or int, default=False
        Whether to print the loss, and the validation score, of each epoch.

    warm_start : bool, default=False
        Whether `fit` goes on from the last call: weights, optimizer, schedule and
        random numbers.

    momentum : float, default=0.9
        The momentum of "sgd", between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether that momentum is Nesterov's.

    early_stopping : bool, default=False
        Whether to set a part of the data aside (or to use `X_val` and `y_val`), to
        stop when the score on it no longer improves, and to keep the weights that were
        best there. Without it "sgd" and "adam" stop when the training loss no longer
        improves. The split is
        stratified by class, as far as there is room for each.

    validation_fraction : float, default=0.1
        The share of the data that `early_stopping` sets aside, in [0, 1).

    restore_best_weights : bool, default=False
        Whether a fit without `early_stopping` ends with the weights of the epoch that
        had the smallest training loss, instead of the last ones. With `early_stopping`
        those with the best score are kept in any case.

    scoring : str, callable or None, default=None
        What validation data are scored by: the accuracy for None, minus the loss
        (without penalty) for "loss", else a scorer of scikit-learn's, by name or as
        `scorer(estimator, X, y)`.

    beta_1 : float, default=0.9
        The decay of the mean of the gradients in "adam", in [0, 1).

    beta_2 : float or "auto", default="auto"
        The decay of the mean of their squares, in [0, 1). "auto" is 0.95 with the
        recipe (see Notes), else 0.999.

    epsilon : float, default=1e-8
        Keeps the denominator of "adam" away from zero.

    n_iter_no_change : int, np.inf or "auto", default="auto"
        After how many epochs in a row without an improvement training stops; `np.inf`
        never stops it. "auto" is 10, and for "cosine" and "one_cycle" `np.inf`.

    max_fun : int, default=15000
        The largest number of evaluations of the loss by "lbfgs".

    dropout : float, array-like of float or "auto", default="auto"
        The probability in [0, 1) that "sgd" and "adam" leave a hidden unit out of a
        step, for all hidden layers or for each [7]_. The other units are divided by one
        minus that, so that predictions need no change. "auto" is 0.3 with the recipe
        (see Notes), else 0.

    weight_decay : float or "auto", default="auto"
        The share of the weights (not biases), times the learning rate, that each step
        of "sgd" and "adam" takes away. Unlike `alpha` it depends neither on the loss
        nor on the batch size [8]_. "auto" is 0.1 with the recipe (see Notes), else 0.

    max_grad_norm : float or None, default=None
        "sgd" and "adam" scale a gradient whose Euclidean norm is larger down to it
        [9]_. None leaves gradients as they are.

    init : str or Initializer, default="auto"
        The distribution of the initial weights of a layer with n inputs (fan_in) and
        m outputs.

        - "auto": "glorot_uniform" for the activations that scikit-learn's MLP has,
          "lecun_normal" for selu, and "he_normal" for the others.
        - "glorot_uniform": uniform within sqrt(6 / (n + m)), or sqrt(2 / (n + m)) if
          the hidden units are logistic, biases too [1]_.
        - "glorot_normal": normal with variance 2 / (n + m), biases zero [1]_.
        - "he_uniform", "he_normal": variance 2 / n, biases zero [2]_.
        - "lecun_uniform", "lecun_normal": variance 1 / n, biases zero [4]_.
        - "fan_in_uniform": uniform within 1 / sqrt(n), biases too.
        - `skann.Uniform(low, high)`, `skann.Normal(mean, scale)`: the same for every
          layer, biases too.

    scaling : {"standard", "minmax", "robust"} or None, default="standard"
        How the columns of X are scaled: to mean 0 and
        standard deviation 1, to the range [-1, 1], or to median 0 and interquartile
        range 1; None leaves them as they are. Sample weights count, constant columns
        become 0, and sparse X is divided but not centred (its columns with a large
        offset are better centred beforehand).

    n_frequencies : int or "auto", default="auto"
        The number of cosines of each scaled input, from which, beside the input itself,
        the first layer takes three mixtures; frequencies, phases and mixing weights are
        learned. 0 gives it the inputs alone. Sparse X is made dense batch by batch.
        "auto" is 8 with the recipe (see Notes) for dense X of at most 100 columns, else
        0 [11]_.

    frequency_scale : float, default=0.1
        The standard deviation of the first frequencies, in cycles per unit of the
        scaled input, up to 1e6.

    dtype : {"float32", "float64"} or None, default=None
        The type of all numbers of the fit. None follows X: float32 if X is float32,
        else float64.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels; for multilabel targets the numbers of the columns.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        The weights of each layer, for scaled inputs. Their values may be
        changed, and a list of arrays may be assigned.

    intercepts_ : list of ndarray of shape (fan_out,)
        The biases of each layer.

    embedding_ : dict of ndarray or None
        What the cosines of the inputs are made of: the factors of the inputs, shape
        (n_features,), frequencies and phases, shape (n_features, n_frequencies), mixing
        weights, shape (n_features, n_frequencies, 3), and mixing biases, shape
        (n_features, 3). None without them.

    n_parameters_ : int
        The number of weights and biases, and of the numbers in `embedding_`.

    auto_params_ : dict
        The values that parameters set to "auto" had in the last call, apart from
        `batch_size`, `output_activation` and `init`.

    loss_ : float
        The loss of the last epoch.

    best_loss_ : float or None
        The smallest loss of an epoch; None with `early_stopping`.

    loss_curve_ : list of float
        The loss of each epoch, or of each iteration of "lbfgs".

    validation_scores_ : list of float or None
        The accuracy on the validation data after each epoch; None without them.

    best_validation_score_ : float or None
        The best of these.

    history_ : dict of lists
        A row per epoch: epoch, loss, validation_score, learning_rate, gradient_norm
        (of the epoch's last batch) and seconds since training began.
        `pandas.DataFrame(estimator.history_)` makes a table of it.

    n_iter_ : int
        The number of epochs of the last `fit`, and of all calls of `partial_fit`
        since.

    t_ : int
        The number of samples that training has seen, each epoch counted.

    n_layers_ : int
        The number of layers, input and output included.

    n_outputs_ : int
        The number of outputs of the network.

    out_activation_ : str
        The name of the output activation.

    n_features_in_ : int
        The number of columns of X.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns of X, if they are all strings.

    See Also
    --------
    BackpropRegressor : The same network for regression.
    check_gradient : Compares the gradient with finite differences.
    sklearn.neural_network.MLPClassifier : The peer in scikit-learn.

    Notes
    -----
    A batch B is fitted by steps along the negative gradient of

        J = sum_B w loss / W + alpha / (2 W) sum_l ||W_l||^2,

    where w are the sample weights and W is their mean over the whole data times the
    size of the batch.

    The parameters that are "auto" belong together. With a recipe for tables they are
    what experiments found [11]_; it holds for `fit` to 100 samples or more, with
    `solver="adam"`, `learning_rate="auto"`, scaled inputs, and no hidden layer of fewer
    than 32 units. In all other cases, and so in `partial_fit`, they are those of
    scikit-learn's MLP. `auto_params_` says what they were.

    With `scaling=None` and the parameters of the MLP, training agrees with
    scikit-learn's MLPClassifier to rounding, except where that is wrong. One more
    difference: "adam" follows `learning_rate` here.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010, equations 12 and 16.
    .. [2] K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    .. [3] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization",
       ICLR 2015, algorithm 1.
    .. [4] Y. LeCun et al., "Efficient BackProp", 1998, equation 16.
    .. [5] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm
       restarts", ICLR 2017, equation 5.
    .. [6] L. N. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", 2018, section 2.
    .. [7] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
       overfitting", JMLR 15, 2014, section 4.
    .. [8] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR
       2019, algorithm 2.
    .. [9] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013, algorithm 1.

    .. [10] C. Szegedy et al., "Rethinking the Inception architecture for computer
       vision", CVPR 2016, section 7.
    .. [11] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by default: strong
       pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> from skann import BackpropClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = BackpropClassifier(random_state=0)
    >>> scores = cross_val_score(classifier, X, y)
    >>> bool(scores.mean() > 0.96)
    True
    >>> classifier.fit(X, y).predict(X[:3])
    array([0, 0, 0])
    >>> classifier.auto_params_["hidden_layer_sizes"]
    (128, 128)
    """

    _parameter_constraints: dict = {
        **BaseBackprop._parameter_constraints,
        "loss": [StrOptions({"log_loss", "squared_error"}), Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [AUTO, SHARE],
        "output_activation": [StrOptions({"auto", "logistic", "softmax"})],
    }

    _read_target = staticmethod(read_labels)

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str | HiddenActivation | Sequence[str | HiddenActivation] = "auto",
        *,
        loss: str | Loss = "log_loss",
        class_weight: dict | str | None = None,
        label_smoothing: float | str = "auto",
        output_activation: str = "auto",
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "auto",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        decay: float | None = None,
        max_iter: int | str = "auto",
        shuffle: bool = True,
        random_state: int | RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        restore_best_weights: bool = False,
        scoring: str | Callable | None = None,
        beta_1: float = 0.9,
        beta_2: float | str = "auto",
        epsilon: float = 1e-8,
        n_iter_no_change: float | str = "auto",
        max_fun: int = 15000,
        dropout: float | Sequence[float] | str = "auto",
        weight_decay: float | str = "auto",
        max_grad_norm: float | None = None,
        init: str | Initializer = "auto",
        scaling: str | None = "standard",
        n_frequencies: int | str = "auto",
        frequency_scale: float = 0.1,
        dtype: str | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.output_activation = output_activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.decay = decay
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.restore_best_weights = restore_best_weights
        self.scoring = scoring
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.init = init
        self.scaling = scaling
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        self.dtype = dtype

    @available_if(has_partial_fit)
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Run one epoch of minibatch descent over a batch of data.

        The same call again goes on with the optimizer's memory, the learning rate's
        schedule and the random numbers, so that k calls with the same data do what
        `fit` does in k epochs. Inputs are scaled by statistics of all batches so
        far; when these move, the first layer absorbs the change. The first batch
        gives the initial weights their size: it had better hold some tens of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs, finite.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels, or an indicator matrix of labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, relative to those of all batches so far.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur (for an indicator matrix: its column
            numbers). Needed at the first call.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after the epoch but not learned from.
            `early_stopping` needs them: predictions then come from the weights that
            were best so far, while training goes on from the last ones. When to stop
            is for the caller to say.

        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation samples in their score.

        Returns
        -------
        self : object
            The estimator after one epoch more.

        Raises
        ------
        ValueError
            If an input or a parameter is invalid, or if training diverges. The
            estimator is then as it was before the call.
        """
        return self._train(
            Request(
                X=X,
                y=y,
                sample_weight=sample_weight,
                X_val=X_val,
                y_val=y_val,
                sample_weight_val=sample_weight_val,
                classes=classes,
                is_piece=True,
            )
        )

    # ---------------------------------------------------------------- predicting

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class of each sample; for multilabel targets an
            indicator matrix of the labels whose probability is above one half.
        """
        return self._decode_outputs("predict", X)

    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Return the raw outputs of the network, before the output activation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes the log-odds of the second, one number per sample; else
            one column per class or label.
        """
        return self._decode_outputs("scores", X)

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Estimate probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            One column per entry of `classes_`. Rows sum to one, except for
            multilabel targets, whose labels are independent. With several classes and
            `output_activation="logistic"` the independent outputs are divided by
            their sum. Values lie strictly between 0 and 1 (a single class excepted)
            and keep their order where they would underflow.
        """
        return self._decode_outputs("probabilities", X)

    def predict_log_proba(self, X: MatrixLike) -> np.ndarray:
        """Estimate logarithms of probabilities, finite where those underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithm of what `predict_proba` returns, computed from the raw
            outputs.
        """
        return self._decode_outputs("log_probabilities", X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
