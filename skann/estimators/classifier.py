"""The classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer
from skann.core.losses import Loss
from skann.estimators.base import BaseBackprop, MatrixLike, has_partial_fit
from skann.estimators.choices import (
    ActivationName,
    Auto,
    ClassifierLossName,
    ClassifierOutputName,
    DtypeName,
    InitializerName,
    RecipeName,
    ScalingName,
    ScheduleName,
    SolverName,
)
from skann.estimators.constraints import AUTO, SHARE
from skann.estimators.inputs import Request
from skann.estimators.sklearn_private import StrOptions
from skann.estimators.targets import read_labels
from skann.training.optimizers import Optimizer
from skann.training.schedules import Schedule


class BackpropClassifier(ClassifierMixin, BaseBackprop):
    """A feed-forward neural network for classification.

    It minimises the cross-entropy or the squared error by minibatch gradient descent
    or L-BFGS, and handles two classes, more than two, or several labels at once.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        The number of units in each hidden layer. With an empty sequence there is no
        hidden layer, which leaves a logistic regression. "auto" is (64, 64) with the
        recipe (see Notes), (128, 128) with that for a single network, else
        (100,).

    activation : str, HiddenActivation or sequence of these, default="auto"
        The activation of all hidden layers, or one for each: "identity", "logistic",
        "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"
        (`skann.core.activations` has the formulas), or a `skann.HiddenActivation`
        object, such as `skann.LeakyRelu(0.2)` or one of your own. "auto" is "silu" with
        the recipe (see Notes), else "relu".

    recipe : {"auto", "table", "mlp"}, default="auto"
        What every parameter set to "auto" stands for: the values of a recipe for
        tables, or those of scikit-learn's MLP, which scales nothing. "auto" chooses by
        the rule in the Notes, and scales the inputs in any case.

    loss : {"log_loss", "squared_error"} or Loss, default="log_loss"
        The cross-entropy, -sum_k y_k log p_k (for independent outputs also -(1 - y_k)
        log(1 - p_k)), or half the squared error, sum_k (p_k - y_k)^2 / 2, with y_k = 1
        for the true class and 0 otherwise; or a `skann.Loss` object.

    class_weight : dict, "balanced" or None, default=None
        The weights of the classes, by which those of their samples are multiplied: a
        dict {label: weight}, in which a class that is missing has weight 1, or
        "balanced" for `n_samples / (n_classes * np.bincount(y))`, where samples are
        counted by their weights. Passing such a `sample_weight` has the same effect.
        For an indicator matrix of labels only "balanced" is possible; a sample's
        weights for its labels are multiplied.

    label_smoothing : float or "auto", default="auto"
        The share e, in [0, 1), of each target that is spread over all classes by their
        frequencies: y becomes (1 - e) y + e p for the weighted mean p of all targets,
        so that probabilities stay right in the mean [10]_. "auto" is 0.05 with the
        recipe (see Notes), else 0.

    output_activation : {"auto", "logistic", "softmax"}, default="auto"
        What turns raw outputs into probabilities. "auto" is "softmax" for three or more
        classes, and "logistic" for two classes (one output) and for multilabel targets.
        With K > 2 classes "logistic" makes K independent outputs; with two classes
        "softmax" makes two outputs.

    solver : {"sgd", "adam", "lbfgs"} or Optimizer, default="adam"
        "sgd" is minibatch gradient descent with momentum, "adam" is Adam [3]_, and
        "lbfgs" is scipy's L-BFGS-B on all data at once. A `skann.Optimizer` object,
        such as `skann.Adam(beta_1=0.8)` or one of your own, takes a step for each
        minibatch, as the first two do.

    alpha : float, default=0.0001
        The strength of the L2 penalty, which is `alpha / (2 n)` times the sum of the
        squared weights (not biases), where n is the number of samples in the batch.

    batch_size : int or "auto", default="auto"
        The number of samples per step of "sgd" and "adam". "auto" is
        `min(200, n_samples)`.

    learning_rate : str or Schedule, default="auto"
        The learning-rate schedule of "sgd" and "adam", where l counts the epochs from
        0.

        - "auto": "cycles" with the recipe (see Notes), "one_cycle" with that for a
          single network, else "constant".
        - "constant": `learning_rate_init`.
        - "invscaling": `learning_rate_init / (t + 1) ** power_t`, where t counts the
          samples seen: with 10 000 samples the rate falls to a hundredth in the first
          epoch. For "adam" it is "constant", as in scikit-learn's MLP.
        - "adaptive": `learning_rate_init`, divided by 5 whenever `n_iter_no_change`
          epochs in a row have brought no improvement of at least `tol`; once it is down
          to 1e-6, training stops instead. For "adam" it is "constant", as in
          scikit-learn's MLP.
        - "exponential": `learning_rate_init * decay ** l`.
        - "inverse_time": the rate of the previous epoch, divided by `1 + decay * l`.
        - "cosine": from `learning_rate_init` along half a cosine to 0 after `max_iter`
          epochs [5]_.
        - "one_cycle": up from `learning_rate_init / 25` in the first 30 % of `max_iter`
          epochs, then down to 0, both along half a cosine [6]_.
        - "cycles": such cycles one after the other, each about twice as long as the one
          before it, `max_iter` epochs in all; with four members or more, training ends
          with the first cycle that makes the out-of-fold loss less than 4 % smaller,
          and the best weights are kept. Where there are more than 16 000 samples the
          first cycles are shorter.
        - a `skann.Schedule` object, such as `skann.Cosine(100)` or one of your own,
          for any solver with steps.

    learning_rate_init : float or "auto", default="auto"
        The learning rate from which the schedule starts or, for "one_cycle" and
        "cycles", to which it rises. "auto" is 0.005 for these two and for "cosine",
        0.003 with "adam" for a stream of `partial_fit` with scaled inputs, unless
        `recipe="mlp"`, and 0.001 otherwise. A change takes effect at the next call to
        `fit` or `partial_fit`.

    power_t : float, default=0.5
        The exponent of "invscaling".

    decay : float or None, default=None
        How fast "exponential" and "inverse_time" fall, above 0. None means 0.99 for the
        former and 0.01 for the latter.

    max_iter : int or "auto", default="auto"
        The maximum number of epochs, or of iterations for "lbfgs". The recipe's own
        cycles (see Notes) have up to 120 epochs, or about twice as many if there are
        few samples or very many; that of a single network has 60, or 30 with
        `early_stopping`. A larger number does not lengthen them. A schedule with an end
        that `learning_rate` names, such as "cosine", extends over all of them. "auto"
        is the recipe's number, 120 to 248 for "cycles", 60 for other schedules with an
        end, else 200.

    shuffle : bool or "blocks", default=True
        Whether "sgd" and "adam" shuffle the samples before each epoch, and whether
        `early_stopping` sets random ones aside. If False, the order of the samples
        matters, as that of a time series does: the last ones are set aside. "blocks"
        is for X in a file that is larger than memory: blocks of neighbours come in a
        random order, and the samples of 64 blocks at a time are shuffled among each
        other, so that an epoch reads the file once.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the validation split or the folds, and the
        shuffling, which draw from it in this order. Pass an int for reproducible
        results; later calls to `partial_fit`, and to `fit` with `warm_start`, carry on
        with its numbers.

    tol : float, default=1e-4
        By how much the loss or, with `early_stopping`, the validation score must
        improve for the improvement to count. "lbfgs" stops when no component of the
        gradient is larger than `tol`; it also stops when an iteration lowers the loss
        by less than 2.2e-9 of its value (1.2e-7 in float32), or by proportionally less
        for a `tol` below 1e-4.

    verbose : bool or int, default=False
        Whether to print a table with a row per epoch: its loss, any validation score
        and out-of-fold loss, the best of them marked, the rate, the seconds so far and
        those that are left. With 2 there is a bar, for which rich must be installed.

    warm_start : bool, default=False
        Whether `fit` continues from the previous call: with its weights, optimizer
        state, schedule and random numbers.

    momentum : float, default=0.9
        The momentum of "sgd", between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to set part of the data aside (or to use `X_val` and `y_val`), to stop
        when the score on it no longer improves, and to keep the weights with the best
        score. "lbfgs" runs to its own end all the same. Without `early_stopping` "sgd"
        and "adam" stop when the training loss no longer improves. If samples are
        shuffled, the split is stratified by class as far as the size of each class
        allows.

    validation_fraction : float, default=0.1
        The fraction of the data that `early_stopping` sets aside, in [0, 1): random
        samples, or the last ones if `shuffle` is False.

    restore_best_weights : bool, default=False
        Whether a fit without `early_stopping` ends with the weights of the epoch with
        the smallest training loss, rather than with the last ones. With
        `early_stopping` the weights with the best score are kept in any case.

    scoring : str, callable or None, default=None
        How validation data are scored: by accuracy if None, by minus the loss (without
        the penalty) if "loss", else by one of scikit-learn's scorers, given by name or
        as `scorer(estimator, X, y)`.

    beta_1 : float, default=0.9
        The decay rate of the running mean of the gradients in "adam", in [0, 1).

    beta_2 : float or "auto", default="auto"
        The decay rate of the running mean of their squares in "adam", in [0, 1). "auto"
        is 0.95 with the recipe (see Notes), else 0.999.

    epsilon : float, default=1e-8
        Keeps the denominator of "adam" away from zero.

    n_iter_no_change : int, np.inf or "auto", default="auto"
        The number of epochs in a row without improvement after which training stops;
        with `np.inf` it does not. "auto" is `np.inf` for "lbfgs", which ends by itself,
        and for schedules with an end, unless `early_stopping` or `tol` asks for another
        end; else 10. Where members leave out folds it has no effect, and nor has `tol`:
        the out-of-fold loss says when to stop.

    max_fun : int, default=15000
        The maximum number of evaluations of the loss by "lbfgs".

    dropout : float, array-like of float or "auto", default="auto"
        The probability, in [0, 1), with which "sgd" and "adam" leave a hidden unit out
        of a step, for all hidden layers or for each of them [7]_. The outputs of the
        other units are divided by one minus this probability, so that predictions need
        no correction. "auto" is 0.1 with the recipe (see Notes), 0.3 with
        the recipe for a single network, else 0.

    weight_decay : float or "auto", default="auto"
        The fraction by which each step of "sgd" and "adam" shrinks the weights (not
        biases), times the learning rate. Unlike `alpha`, it depends neither on the loss
        nor on the batch size [8]_. "auto" is 0.1 with the recipe (see Notes), else 0.

    max_grad_norm : float or None, default=None
        The largest Euclidean norm of a gradient in "sgd" and "adam": larger ones are
        scaled down to it [9]_. None leaves gradients as they are.

    init : str or Initializer, default="auto"
        The distribution of the initial weights of a layer with n inputs (fan_in) and m
        outputs (fan_out).

        - "auto": "glorot_uniform" for the activations that scikit-learn's MLP has,
          "lecun_normal" for selu, and "he_normal" for the others.
        - "glorot_uniform": uniform within sqrt(6 / (n + m)), or sqrt(2 / (n + m)) if
          the hidden units are logistic, biases too [1]_.
        - "glorot_normal": normal with variance 2 / (n + m), biases zero [1]_.
        - "he_uniform", "he_normal": variance 2 / n, biases zero [2]_.
        - "lecun_uniform", "lecun_normal": variance 1 / n, biases zero [4]_.
        - "fan_in_uniform": uniform within 1 / sqrt(n), biases too.
        - a `skann.Initializer` object: `skann.Uniform(low, high)` and
          `skann.Normal(mean, scale)` are the same for every layer, biases too;
          `skann.FanScaled` is what the names stand for.

    scaling : str or None, default="auto"
        How the columns of X are scaled: to mean 0 and standard deviation 1, to the
        range [-1, 1], or to median 0 and interquartile range 1; "bounded" is "standard"
        without a column's wild cells, and bounded for them; "adaptive" is for streams
        that drift: "standard", bounded, and by the recent rows of `partial_fit`, some
        300, so that all are seen in relation to these. None leaves them as they are.
        Sample weights count, columns that are constant (up to rounding) become 0, and
        sparse X is scaled as dense X is, and stays sparse.
        "auto" is "bounded" with the recipe (see Notes), None with `recipe="mlp"`, and
        "standard" otherwise.

    n_frequencies : int or "auto", default="auto"
        The number of cosines of each input. The first layer receives the scaled input
        together with its cosines, whose frequencies and phases are learned; they are
        those of the input's rank, as a normal number, with `scaling="bounded"`, else of
        the scaled input. With 0 it receives the inputs alone. Sparse X is made dense
        batch by batch. "auto" is 3 with the recipe (see Notes), for dense X with at
        most 100 columns that are not collinear, as those of spectra are; else 0 [11]_.

    frequency_scale : float, default=0.1
        The standard deviation of the initial frequencies, in cycles per unit of the
        scaled input, at most 1e6.

    n_members : int or "auto", default="auto"
        The number of networks that are trained on the same minibatches, each with
        weights and dropout of its own, and averaged: probabilities, or predicted values
        [12]_. Groups of four share their cosines. 1 is a plain network. "lbfgs" trains
        one only. With four or more, and `learning_rate="cycles"`, each leaves out a
        fold of the samples (stratified by class; neighbours if `shuffle` is False): so
        each sample has a prediction by a member that has not learned from it, and the
        loss of these, after each cycle, says when to stop. "auto" is 8 with the recipe
        (see Notes), or 4 for more than 16 000 samples, unless the recipe stands for a
        single network; else 1.

    n_jobs : int or None, default=None
        How many groups of four members are trained at the same time, in threads; -1 for
        as many as there are processors. None is 1, and so is any number within another
        parallel job. The numbers that come out are the same.

    dtype : {"auto", "float32", "float64"} or None, default="auto"
        The type of all numbers in the fit. None follows X: float32 if X is float32,
        else float64. "auto" is float32 with the recipe (see Notes), which takes less
        than half of the time, and None otherwise; columns are measured, and
        predictions made, in the precision of X all the same.

    categorical_features : array-like, "from_dtype" or None, default="from_dtype"
        The columns of X that hold labels rather than numbers: a mask, their indices or
        their names, or None for none. With "from_dtype" they are the categorical, text
        and boolean columns of a data frame, and those of its columns of objects and of
        an array of objects that hold text or truth values; not with `scaling=None`.
        Each level becomes an indicator among the inputs of the network, which has a
        scale of its own and no cosines; in a column of more than 50 levels, a vector of
        up to 8 numbers that is learned with the weights. Levels in fewer than 5 rows
        (2 where levels have vectors; a row counts by its weight, divided by the mean
        weight), missing labels and those that training has not seen have one indicator
        or vector together.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels; for multilabel targets, the numbers of the columns.

    coefs_ : list of ndarray of shape (fan_in, fan_out) or (n_members, fan_in, fan_out)
        The weights of each layer, for scaled inputs. Their elements can be changed, and
        a list of arrays can be assigned.

    intercepts_ : list of ndarray of shape (fan_out,) or (n_members, fan_out)
        The biases of each layer.

    embedding_ : dict of ndarray or None
        What the cosines of the inputs are made of: the factors of the columns of
        numbers, of shape (n_numbers,), frequencies and phases, of shape (n_frequencies,
        n_numbers), where n_numbers is n_features without categorical columns. And the
        vectors of each categorical column of many levels, "vectors_0", "vectors_1" and
        so on, of shape (n_levels + 1, n_vector): a row for each level in order, and at
        last that of all other labels. With an axis of `n_members` before these if there
        are several networks. None if there are neither.

    n_parameters_ : int
        The number of weights and biases of each network, including its numbers in
        `embedding_`.

    recipe_ : {"table", "mlp"}
        The recipe that the parameters set to "auto" followed in the last call.

    recipe_reason_ : str
        Why it was that one.

    auto_params_ : dict
        The values that the parameters set to "auto" had in the last call, except for
        `batch_size`, `output_activation` and `init`.

    loss_ : float
        The loss of the last epoch.

    best_loss_ : float or None
        The smallest loss of all epochs; None with `early_stopping`.

    loss_curve_ : list of float
        The loss of each epoch, or of each iteration of "lbfgs".

    validation_scores_ : list of float or None
        The score of the validation data after each epoch, as measured by `scoring`;
        None without validation data.

    best_validation_score_ : float or None
        The best of these scores; None without validation data.

    temperature_ : float
        What the logits of the mean prediction are divided by, so that probabilities are
        as sure as they are right: the best, with offsets that are added, for the
        cross-entropy of the out-of-fold predictions [13]_. 1 if no members leave out
        folds, or for other losses.

    oof_score_ : float
        The accuracy of predictions of the training samples by the members that have
        left them out. One member of `n_members` has predicted each, so that the mean of
        all is often a little better. Exists if members leave out folds.

    oof_decision_function_ : ndarray of shape (n_samples, n_classes) or None
        The probabilities of these predictions; None for more than 2**24 of them. Exists
        if members leave out folds.

    history_ : dict of lists
        A row per epoch: epoch, loss, validation_score, oof_loss (at the end of a cycle,
        if members leave out folds, else None), learning_rate, gradient_norm
        (of the epoch's last batch) and seconds since training began.
        `pandas.DataFrame(estimator.history_)` makes a table of it.

    n_iter_ : int
        The number of epochs in the last `fit` and in all calls to `partial_fit` since.

    t_ : int
        The number of samples that training has seen, counted again in each epoch.

    n_layers_ : int
        The number of layers, including input and output.

    n_outputs_ : int
        The number of outputs of the network.

    out_activation_ : str
        The name of the output activation.

    n_features_in_ : int
        The number of columns of X, of which a categorical one may be several inputs of
        the network.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns of X, if all of them are strings.

    See Also
    --------
    BackpropRegressor : The same network for regression.
    check_gradient : Compares the gradient with finite differences.
    sklearn.neural_network.MLPClassifier : Its counterpart in scikit-learn.

    Notes
    -----
    Each step follows the negative gradient, for a batch B of samples, of

        J = sum_B w loss / W + alpha / (2 W) sum_l ||W_l||^2,

    where w are the sample weights, and W is their mean over all data times the size of
    the batch.

    The parameters set to "auto" belong together. In the recipe for tables they have
    values that were found by experiment [11]_; otherwise they have those of
    scikit-learn's MLP. With `recipe="auto"` the recipe for tables applies when `fit` is
    given at least 100 samples, with `solver="adam"`, scaled inputs, a `learning_rate`
    that is "auto" or has an end ("cosine", "one_cycle", "cycles"), no
    `learning_rate_init` below 0.001, no `batch_size` that leaves fewer than 480 steps,
    and no hidden layer of fewer than 32 units. `partial_fit` goes on with the recipe
    that the network was trained by; a stream has that of the MLP from its start.
    `recipe_`, `recipe_reason_` and `auto_params_` say what it was, and why.

    The recipe trains eight members in cycles of 8, 16, 32 and 64 epochs, and 128
    if all of them make no more than 1750 steps. With more than 16 000 samples the first
    one is shorter (4 epochs of 40 000, 2 of 100 000, 1 of 260 000), and there are as
    many as make 60 epochs. Each member leaves out an eighth of the samples. Training
    ends with the first cycle that makes the loss on these less than 4 % smaller (no
    smaller, if columns are collinear), and the weights after the best cycle are kept.

    A single network takes their place if `hidden_layer_sizes`, `n_members=1` or a quick
    end is asked for, by `early_stopping` or a `max_iter` below 24. It is trained in one
    cycle of 60 epochs, with layers of 128 units and a dropout of 0.3; for a quick end
    these are 64 and 0.1, and the cycle has at most 30 epochs. If you name another
    number of members, they stay, whatever else is named.

    With `recipe="mlp"`, or with `scaling=None` and the parameters of the MLP, training
    agrees to rounding with scikit-learn's MLPClassifier, except where that is wrong,
    and except that "adam" follows here the schedules that the MLP does not have.

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
    .. [12] L. K. Hansen and P. Salamon, "Neural network ensembles", IEEE Transactions
       on Pattern Analysis and Machine Intelligence 12, 1990.
    .. [13] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017, section 4.2.

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
    (64, 64)
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
        hidden_layer_sizes: int | Sequence[int] | Auto = "auto",
        activation: (
            ActivationName
            | HiddenActivation
            | Sequence[ActivationName | HiddenActivation]
        ) = "auto",
        *,
        recipe: RecipeName = "auto",
        loss: ClassifierLossName | Loss = "log_loss",
        class_weight: dict | Literal["balanced"] | None = None,
        label_smoothing: float | Auto = "auto",
        output_activation: ClassifierOutputName = "auto",
        solver: SolverName | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | Auto = "auto",
        learning_rate: ScheduleName | Schedule = "auto",
        learning_rate_init: float | Auto = "auto",
        power_t: float = 0.5,
        decay: float | None = None,
        max_iter: int | Auto = "auto",
        shuffle: bool | Literal["blocks"] = True,
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
        beta_2: float | Auto = "auto",
        epsilon: float = 1e-8,
        n_iter_no_change: float | Auto = "auto",
        max_fun: int = 15000,
        dropout: float | Sequence[float] | Auto = "auto",
        weight_decay: float | Auto = "auto",
        max_grad_norm: float | None = None,
        init: InitializerName | Initializer = "auto",
        scaling: ScalingName | None = "auto",
        n_frequencies: int | Auto = "auto",
        frequency_scale: float = 0.1,
        n_members: int | Auto = "auto",
        n_jobs: int | None = None,
        dtype: DtypeName | None = "auto",
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
    ) -> None:
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.loss, self.recipe, self.output_activation = loss, recipe, output_activation
        self.class_weight, self.label_smoothing = class_weight, label_smoothing
        self.solver, self.alpha, self.batch_size = solver, alpha, batch_size
        self.learning_rate, self.learning_rate_init = learning_rate, learning_rate_init
        self.power_t, self.decay, self.max_grad_norm = power_t, decay, max_grad_norm
        self.max_iter, self.shuffle, self.random_state = max_iter, shuffle, random_state
        self.tol, self.verbose, self.warm_start = tol, verbose, warm_start
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.early_stopping, self.scoring = early_stopping, scoring
        self.validation_fraction = validation_fraction
        self.restore_best_weights = restore_best_weights
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.n_iter_no_change, self.max_fun = n_iter_no_change, max_fun
        self.dropout, self.weight_decay = dropout, weight_decay
        self.init, self.scaling, self.dtype = init, scaling, dtype
        self.n_frequencies, self.frequency_scale = n_frequencies, frequency_scale
        self.n_members, self.n_jobs = n_members, n_jobs
        self.categorical_features = categorical_features

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

        Each call carries on with the optimizer's state, the learning-rate schedule and
        the random numbers, so that k calls with the same data do what `fit` does in k
        epochs at the same rate. Inputs are scaled by the statistics of all batches so
        far; when these change, the first layer absorbs the change (but see
        `scaling="adaptive"`). The first batch sets the scale for the initial weights,
        and should hold at least a few dozen samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs. Text, categories and missing values are taken as they come, if
            they are scaled; infinity is not. A memory map, an HDF5 dataset, a zarr
            array, or what else has a shape, a dtype and slices of rows, is read in
            blocks: there is no copy of it in memory.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels, or an indicator matrix of labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, relative to those of all batches so far.

        classes : array-like of shape (n_classes,), default=None
            All classes that can occur (for an indicator matrix, its column numbers).
            Required in the first call.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after the epoch but not trained on.
            `early_stopping` needs them: predictions then come from the weights with the
            best score so far, while training carries on from the last ones. You decide
            when to stop.

        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation samples in their score.

        Returns
        -------
        self : object
            The estimator itself.

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

    @property
    def temperature_(self) -> float:
        """Float : What the logits of the mean of all members are divided by."""
        return self._require_model().temperature

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
            For two classes the log-odds of the second class, one number per sample;
            else one column per class or label. Those of several members are made from
            the mean of their probabilities.
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
            their sum. Values lie strictly between 0 and 1 (except for a single class):
            those below 2.3e-302 (1.2e-32 in a float32 fit) become larger, but stay
            below this bound and in order, and those that would round to 1 become the
            largest number below it.
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
            One column per entry of `classes_`, computed from the raw outputs. They are,
            to rounding, the logarithms of what `predict_proba` returns, except in the
            far tails, below -694.5 and above -1.1e-16 (in a float32 fit, below -73.5
            and above -6e-8). There `predict_proba` keeps its values away from 0 and 1,
            whereas these logarithms stay those of the network's own probabilities.
        """
        return self._decode_outputs("log_probabilities", X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
