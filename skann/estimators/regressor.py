"""The regressor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Literal, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer
from skann.core.losses import Loss
from skann.estimators.base import BaseBackprop, MatrixLike, has_partial_fit
from skann.estimators.choices import (
    ActivationName,
    Auto,
    DtypeName,
    InitializerName,
    RecipeName,
    RegressorLossName,
    RegressorOutputName,
    ScalingName,
    ScheduleName,
    SolverName,
)
from skann.estimators.constraints import POSITIVE
from skann.estimators.inputs import Request, check_inputs
from skann.estimators.intervals import check_level, interval_limits
from skann.estimators.recipes import LEAST_FOLDS
from skann.estimators.sklearn_private import Interval, StrOptions
from skann.estimators.targets import Quantiles, read_numbers
from skann.training.optimizers import Optimizer
from skann.training.schedules import Schedule


class BackpropRegressor(RegressorMixin, BaseBackprop):
    """A feed-forward neural network for regression.

    It minimises the squared error, or one of several other losses, by minibatch
    gradient descent or L-BFGS, and supports one or several targets.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        The number of units in each hidden layer. An empty sequence means no hidden
        layers, which gives a linear model. "auto" is (64, 64) with the recipe for
        tables (see Notes), (128, 128) if that recipe trains a single network, and
        (100,) otherwise.

    activation : str, HiddenActivation or sequence of these, default="auto"
        The activation function of the hidden layers, or a sequence with one for each
        layer: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "softplus" (see `skann.core.activations` for the formulas), or a
        `skann.HiddenActivation` object, such as `skann.LeakyRelu(0.2)` or an instance
        of your own subclass. "auto" is "silu" with the recipe for tables (see Notes),
        and "relu" otherwise.

    recipe : {"auto", "table", "stream", "mlp"}, default="auto"
        Where the values of all parameters set to "auto" come from: "table" uses a
        recipe for tabular data, "stream" one for data streams, and "mlp" uses the
        defaults of scikit-learn's MLP, which does not scale the data. "auto" selects
        one of the three by the rule in the Notes, and scales the inputs in any case.

    loss : str or Loss, default="squared_error"
        The loss to minimise, summed over the targets.

        - "squared_error": half the squared error; predicts the mean.
        - "absolute_error": the absolute error; predicts the median.
        - "huber": half the squared error up to an absolute error of `huber_delta`, and
          linear beyond it [10]_, so outliers have less influence.
        - "quantile": the pinball loss; predicts the quantiles given by
          `quantile` [11]_.
        - "poisson": half the Poisson deviance, for counts and other non-negative
          targets.
        - "gamma": half the gamma deviance, for positive targets whose spread grows with
          their mean.
        - a `skann.Loss` object, such as `skann.Huber(10.0)` or an instance of your own
          subclass.

    quantile : float or array-like of float, default=0.5
        The quantile to predict with `loss="quantile"`, between 0 and 1, or several
        quantiles in ascending order. Several quantiles are only supported for a single
        target: the network then has one output per quantile, and `predict` returns one
        column per quantile, sorted within each row [12]_.

    huber_delta : float or None, default=None
        The absolute error, in the units of the target, beyond which "huber" is linear.
        If None, it is estimated for each target (in `partial_fit`, from the first
        batch) as the standard deviation of the normal distribution with the same
        interquartile range.

    output_activation : str, default="auto"
        The function that turns raw outputs into predictions: "identity", "logistic",
        "tanh", "relu", "exp" or "auto". "auto" is "exp" for the deviances, which
        support no other function, and "identity" for all other losses. The outputs of
        functions other than "identity" are bounded on at least one side, and the
        targets must lie within these bounds.

    solver : {"sgd", "adam", "lbfgs"} or Optimizer, default="adam"
        The optimisation algorithm. "sgd" is minibatch gradient descent with momentum,
        "adam" is Adam [3]_, and "lbfgs" is SciPy's L-BFGS-B, which uses all data at
        once. A `skann.Optimizer` object, such as `skann.Adam(beta_1=0.8)` or an
        instance of your own subclass, takes one step per minibatch, like "sgd" and
        "adam".

    alpha : float, default=0.0001
        The strength of the L2 penalty. The penalty is `alpha / (2 n)` times the sum of
        the squared weights (without the biases), where n is the number of samples in
        the batch.

    batch_size : int or "auto", default="auto"
        The number of samples per step of "sgd" and "adam". "auto" is
        `min(200, n_samples)`, or `min(20, n_samples)` with the recipe for streams (see
        Notes).

    learning_rate : str or Schedule, default="auto"
        The learning-rate schedule of "sgd" and "adam". In the formulas, l is the index
        of the epoch, starting from 0.

        - "auto": "cycles" with the recipe for tables (see Notes), "one_cycle" if that
          recipe trains a single network, and "constant" otherwise.
        - "constant": `learning_rate_init` throughout.
        - "invscaling": `learning_rate_init / (t + 1) ** power_t`, where t is the number
          of samples seen so far. With 10 000 samples, the rate falls to a hundredth of
          its initial value in the first epoch. With "adam" the rate is constant, as in
          scikit-learn's MLP.
        - "adaptive": `learning_rate_init`, divided by 5 whenever `n_iter_no_change`
          consecutive epochs have brought no improvement of at least `tol`. Once the
          rate has fallen to 1e-6, training stops instead. With "adam" the rate is
          constant, as in scikit-learn's MLP.
        - "exponential": `learning_rate_init * decay ** l`.
        - "inverse_time": the rate of the previous epoch, divided by `1 + decay * l`.
        - "cosine": falls from `learning_rate_init` to 0 over `max_iter` epochs, along
          half a cosine [5]_.
        - "one_cycle": rises from `learning_rate_init / 25` to `learning_rate_init` in
          the first 30 % of `max_iter` epochs, then falls to 0, both along half a
          cosine [6]_.
        - "cycles": a series of such cycles, each about twice as long as the one before,
          for a total of `max_iter` epochs. With four or more members, training stops
          after the first cycle that reduces the out-of-fold loss by less than a few per
          cent (see Notes), and the best weights are kept. With more than 16 000
          samples, the first cycles are shorter.
        - a `skann.Schedule` object, such as `skann.Cosine(100)` or an instance of your
          own subclass, for any solver except "lbfgs".

    learning_rate_init : float or "auto", default="auto"
        The initial learning rate or, for "one_cycle" and "cycles", the peak learning
        rate. "auto" is 0.005 for these two schedules, for "cosine" and with the recipe
        for streams, 0.003 for other training by `partial_fit` alone with "adam" and
        scaled inputs (unless `recipe="mlp"`), and 0.001 otherwise. A new value takes
        effect at the next call to `fit` or `partial_fit`.

    power_t : float, default=0.5
        The exponent of the "invscaling" schedule.

    decay : float or None, default=None
        The decay rate of the schedules "exponential" and "inverse_time", greater than
        0. If None, it is 0.99 for "exponential" and 0.01 for "inverse_time".

    max_iter : int or "auto", default="auto"
        The maximum number of epochs, or of iterations for "lbfgs". The cycles of the
        recipe for tables (see Notes) take up to 120 epochs in total, or about twice as
        many for few samples or very many; a single network trained by the recipe takes
        60, or 30 with `early_stopping`. A larger `max_iter` does not prolong them. If
        you set `learning_rate` to a schedule with an end, such as "cosine", it is
        stretched over all `max_iter` epochs. "auto" is 120 to 248 for "cycles", 60 for
        other schedules with an end, and 200 otherwise.

    shuffle : bool or "blocks", default=True
        Whether to shuffle the samples before each epoch of "sgd" and "adam", and
        whether `early_stopping` sets aside random samples. If False, the samples keep
        their order, as they must for a time series, and the last ones are set aside.
        "blocks" is for X in a file that is larger than memory: blocks of consecutive
        samples are read in random order, and the samples of 64 blocks at a time are
        shuffled together, so each epoch reads the file once.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initial weights, for the validation
        split or the folds, and for shuffling, in this order. Pass an int for
        reproducible results across multiple calls. Later calls to `partial_fit`, and to
        `fit` with `warm_start=True`, continue the same sequence of random numbers.

    tol : float, default=1e-4
        The smallest decrease in the loss or, with `early_stopping`, increase in the
        validation score that counts as an improvement. "lbfgs" stops when no component
        of the gradient exceeds `tol`. It also stops when an iteration lowers the loss
        by less than 2.2e-9 of its value (1.2e-7 in float32); for `tol` below 1e-4, this
        limit is reduced in proportion.

    verbose : bool or int, default=False
        Whether to print progress. If True, print a table with one row per epoch: the
        loss, the validation score and out-of-fold loss if there are any, the learning
        rate, the elapsed and the estimated remaining time in seconds; the best epoch is
        marked. If 2, show a progress bar, which requires the package rich.

    warm_start : bool, default=False
        Whether `fit` continues from the previous call, reusing its weights, optimizer
        state, schedule and random numbers.

    momentum : float, default=0.9
        The momentum of "sgd", between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum in "sgd".

    early_stopping : bool, default=False
        Whether to stop training when the validation score stops improving, and to keep
        the weights with the best score. The score is computed on a part of the data
        that is set aside, or on `X_val` and `y_val` if these are passed to `fit`.
        "lbfgs" is not stopped, but the best weights are kept. Without `early_stopping`,
        "sgd" and "adam" stop when the training loss stops improving.

    validation_fraction : float, default=0.1
        The proportion of the training data to set aside for `early_stopping`, in [0,
        1): random samples, or the last ones if `shuffle=False`.

    restore_best_weights : bool, default=False
        Whether a fit without `early_stopping` ends with the weights of the epoch with
        the smallest training loss instead of those of the last epoch. With
        `early_stopping`, the weights with the best validation score are always kept.

    scoring : str, callable or None, default=None
        How to score the validation data. If None, R^2 (or D^2, see `score`) is used; if
        "loss", minus the loss without the penalty. Otherwise, the name of one of
        scikit-learn's scorers, or a callable with the signature
        `scorer(estimator, X, y)`.

    beta_1 : float, default=0.9
        The exponential decay rate of the running mean of the gradients in "adam", in
        [0, 1).

    beta_2 : float or "auto", default="auto"
        The exponential decay rate of the running mean of the squared gradients in
        "adam", in [0, 1). "auto" is 0.95 with the recipe for tables (see Notes), and
        0.999 otherwise.

    epsilon : float, default=1e-8
        A small number that keeps the denominator in "adam" away from zero.

    n_iter_no_change : int, np.inf or "auto", default="auto"
        The number of consecutive epochs without improvement after which training stops;
        with `np.inf`, it never stops for this reason. "auto" is `np.inf` for "lbfgs",
        which has its own stopping criteria, and for schedules with an end, unless you
        set `early_stopping` or `tol`; otherwise it is 10. If each member leaves out a
        fold (see `n_members`), neither this parameter nor `tol` has an effect, because
        the out-of-fold loss determines when to stop.

    max_fun : int, default=15000
        The maximum number of loss function calls for "lbfgs".

    dropout : float, array-like of float or "auto", default="auto"
        The probability, in [0, 1), that a hidden unit is dropped in a step of "sgd" or
        "adam": one value for all hidden layers, or one for each [7]_. The outputs of
        the remaining units are divided by one minus this probability, so predictions
        need no correction. "auto" is 0.1 with the recipe for tables (see Notes), 0.3 if
        that recipe trains a single network, and 0 otherwise.

    weight_decay : float or "auto", default="auto"
        The fraction by which each step of "sgd" and "adam" shrinks the weights (but not
        the biases), multiplied by the learning rate. Unlike `alpha`, its effect does
        not depend on the loss or the batch size [8]_. "auto" is 0.1 with the recipe for
        tables (see Notes), and 0 otherwise.

    max_grad_norm : float or None, default=None
        The maximum Euclidean norm of the gradient in "sgd" and "adam"; larger gradients
        are scaled down to this norm [9]_. If None, gradients are not clipped.

    init : str or Initializer, default="auto"
        The distribution of the initial weights of a layer with n inputs (fan_in) and m
        outputs (fan_out).

        - "auto": "glorot_uniform" for the activations that scikit-learn's MLP has,
          "lecun_normal" for "selu", and "he_normal" for all others.
        - "glorot_uniform": uniform between -b and b, where b is sqrt(6 / (n + m)), or
          sqrt(2 / (n + m)) if the hidden units are logistic; the biases have the same
          distribution [1]_.
        - "glorot_normal": normal with variance 2 / (n + m); the biases are zero [1]_.
        - "he_uniform", "he_normal": variance 2 / n; the biases are zero [2]_.
        - "lecun_uniform", "lecun_normal": variance 1 / n; the biases are zero [4]_.
        - "fan_in_uniform": uniform between -1 / sqrt(n) and 1 / sqrt(n), including the
          biases.
        - a `skann.Initializer` object: `skann.Uniform(low, high)` and
          `skann.Normal(mean, scale)` use the same distribution for the weights and
          biases of every layer; `skann.FanScaled` is the class behind the names above.

    scaling : str or None, default="auto"
        How to scale the columns of X and, where possible, of y.

        - "standard": to mean 0 and standard deviation 1.
        - "minmax": to the range [-1, 1].
        - "robust": to median 0 and interquartile range 1.
        - "bounded": like "standard", but extreme outliers are ignored when the mean and
          the standard deviation are computed, and their scaled values are bounded.
        - "adaptive": for data streams that drift. Like "standard", but bounded, and
          relative to about the last 300 rows passed to `partial_fit`.
        - "stream": for data streams that may drift. Like "standard", but bounded, and
          followed by the same columns relative to about the last 30 rows.
        - None: no scaling.
        - "auto": "bounded" with the recipe for tables (see Notes), "stream" with that
          for streams if X is dense and has at most 100 numeric columns, None with
          `recipe="mlp"`, and "standard" otherwise.

        Sample weights are taken into account. Columns that are constant (up to
        rounding) become 0. Sparse X is scaled in the same way as dense X, and stays
        sparse. The target is scaled if the output activation is "identity"; for the
        deviances, it is divided by its mean. For the target, "bounded", "adaptive"
        and "stream" are the same as "standard". Predictions are in the original units
        of the target.

    n_frequencies : int or "auto", default="auto"
        The number of cosine features per input. The first layer receives each scaled
        input together with these cosines, whose frequencies and phases are learned. If
        0, it receives only the inputs. With `scaling="bounded"` and at most 16 000
        samples, the cosines are functions of the rank of the input, mapped to a normal
        distribution; otherwise, of the scaled input. Sparse X is converted to dense
        batch by batch. "auto" is 3 with the recipe for tables (see Notes) if X is dense
        and has at most 100 columns, or 1 if all columns have two values, or if there
        are at most 1000 columns and 16 000 samples. If columns are collinear like those
        of spectra, and otherwise, it is 0 [13]_.

    frequency_scale : float, default=0.1
        The standard deviation of the initial frequencies, in cycles per unit of the
        scaled input; at most 1e6.

    n_members : int or "auto", default="auto"
        The number of networks in the ensemble. They are trained on the same
        minibatches, each with its own weights and dropout, and their predictions
        (probabilities or values) are averaged [14]_. Groups of four share their
        cosines. 1 is a single network, the only option for "lbfgs". With four or more
        members and `learning_rate="cycles"`, each member leaves out one fold of the
        samples (consecutive samples if `shuffle=False`). Each sample thus has a
        prediction from a member that was not trained on it, and the loss of these
        out-of-fold predictions after each cycle determines when to stop. "auto" is 8
        with the recipe for tables (see Notes), or 4 for more than 16 000 samples,
        unless the recipe trains a single network; 4 with the recipe for
        streams; otherwise it is 1.

    n_jobs : int or None, default=None
        The number of groups of four members to train in parallel, using threads. None
        means 1, and -1 means all processors. Within another parallel job it is always
        1. The results do not depend on it.

    dtype : {"auto", "float32", "float64"} or None, default="auto"
        The floating-point type used for training. If None, it follows X: float32 if X
        is float32, and float64 otherwise. "auto" is float32 with the recipe for tables
        (see Notes), which takes less than half the time, and None otherwise. With
        "auto", column statistics and predictions are still computed in the precision of
        X.

    categorical_features : array-like, "from_dtype" or None, default="from_dtype"
        The columns of X that are categorical: a boolean mask, the column indices or the
        column names, or None for no columns. "from_dtype" selects the columns of a data
        frame with a categorical, string or boolean dtype, and columns of dtype object
        (in a data frame or an array) that contain strings or booleans; with
        `scaling=None` it selects no columns. Each category is encoded as an indicator,
        which has its own scale and no cosines. In a column with more than 50
        categories, each is encoded as a vector of up to 8 numbers that is learned
        together with the weights. Categories with fewer than 5 rows (2 rows if
        categories have vectors; a row counts as its weight divided by the mean weight),
        missing values and categories not seen in training share one indicator or
        vector.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (fan_in, fan_out) or (n_members, fan_in, fan_out)
        The weights of each layer, for scaled inputs and targets. You can change their
        elements or assign a list of arrays.

    intercepts_ : list of ndarray of shape (fan_out,) or (n_members, fan_out)
        The biases of each layer.

    quantiles_ : ndarray or None
        The quantiles in the columns of `predict`; None unless the loss is "quantile"
        and `quantile` is a sequence.

    huber_delta_ : ndarray of shape (n_outputs,) or None
        The absolute error beyond which "huber" is linear; None for other losses.

    embedding_ : dict of ndarray or None
        The learned parameters of the cosines and of the category vectors; None if there
        are neither. "factors", of shape (n_numbers,), "frequencies" and "phases", both
        of shape (n_frequencies, n_numbers), belong to the cosines, where n_numbers is
        the number of columns that are not categorical. "vectors_0", "vectors_1" and so
        on, of shape (n_levels + 1, n_vector), belong to the categorical columns with
        many categories: one row for each category in order, and a last row for all
        other labels. For an ensemble, all arrays have an additional first axis of
        length `n_members`.

    n_parameters_ : int
        The number of parameters of each network: weights, biases and the elements of
        `embedding_`.

    recipe_ : {"table", "stream", "mlp"}
        The recipe that the parameters set to "auto" followed in the last call.

    recipe_reason_ : str
        Why this recipe was used.

    auto_params_ : dict
        The values used in the last call for the parameters set to "auto", except for
        `output_activation`, `init` and, except for streams, `batch_size`.

    loss_ : float
        The loss of the last epoch.

    best_loss_ : float or None
        The smallest loss of all epochs; None with `early_stopping`.

    loss_curve_ : list of float
        The loss of each epoch, or of each iteration of "lbfgs".

    validation_scores_ : list of float or None
        The score on the validation data after each epoch, as defined by `scoring`; None
        without validation data.

    best_validation_score_ : float or None
        The best validation score; None without validation data.

    oof_score_ : float
        The R^2 of the out-of-fold predictions: each training sample is predicted by the
        member that left it out. The average of all members is often a little better
        than these single members. Only exists if the members leave out folds.

    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The out-of-fold predictions. Only exists if the members leave out folds.

    history_ : dict of lists
        One value per epoch for each of epoch, loss, validation_score, oof_loss (at the
        end of a cycle if the members leave out folds, otherwise None), learning_rate,
        gradient_norm (of the last batch of the epoch) and seconds (since training
        began). `pandas.DataFrame(estimator.history_)` converts it to a table.

    n_iter_ : int
        The number of epochs in the last `fit` and all calls to `partial_fit` since.

    t_ : int
        The number of samples seen in training; in each epoch, all samples count again.

    n_layers_ : int
        The number of layers, including the input and output layers.

    n_outputs_ : int
        The number of outputs of the network.

    out_activation_ : str
        The name of the output activation function.

    n_features_in_ : int
        The number of columns of X. A categorical column can be several inputs of the
        network.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns of X. Only exists if all of them are strings.

    See Also
    --------
    BackpropClassifier : The same network for classification.
    check_gradient : Compare the gradient with finite differences.
    sklearn.neural_network.MLPRegressor : The counterpart in scikit-learn.

    Notes
    -----
    For a batch B of samples, each step follows the negative gradient of

        J = sum_B w loss / W + alpha / (2 W) sum_l ||W_l||^2,

    where w are the sample weights, and W is their mean over all data times the batch
    size.

    The parameters set to "auto" belong together. With the recipe for tables, they have
    values that were found by experiment [13]_; with `recipe="mlp"`, they have the
    values of scikit-learn's MLP. `recipe="auto"` selects the recipe for tables if `fit`
    is called

    - with at least 100 samples and scaled inputs,
    - with `solver="adam"`,
    - with a `learning_rate` that is "auto" or has an end ("cosine", "one_cycle",
      "cycles"),
    - with no `learning_rate_init` below 0.001,
    - with no `batch_size` that leaves fewer than 480 steps, and
    - with no hidden layer of fewer than 32 units.

    `partial_fit` keeps the recipe with which the network was trained; if training
    starts with `partial_fit`, the recipe for streams is used, under the same conditions
    for scaling, `solver` and hidden layers, and with a `learning_rate` that is "auto"
    or "constant"; otherwise it follows the MLP. `recipe_`, `recipe_reason_` and
    `auto_params_` show what was used, and why.

    The recipe for streams trains four members (one, if you set `hidden_layer_sizes`) of
    (64, 64) "silu" units, in minibatches of 20 samples at a constant rate of 0.005,
    with `scaling="stream"`.

    The recipe for tables trains eight members in cycles of 8, 16, 32 and 64 epochs, and
    one of 128 if all of them together take no more than 1750 steps. With more than 16
    000 samples, the first cycle is shorter (4 epochs for 40 000 samples, 2 for 100 000,
    1 for 260 000), and there are at least as many cycles as make 120 epochs. Each
    member leaves out its own fold of the samples. Training stops after the first cycle
    that reduces the loss on these samples by less than 4 % (for 16 000 to 50 000
    samples 2 %, rising to 4 % for 100 000; if columns are collinear, after the first
    that does not reduce it). The weights after the best cycle are kept.

    A single network replaces the members if you set `hidden_layer_sizes`,
    `n_members=1`, `early_stopping` or a `max_iter` below 24. It has layers of 128
    units, a dropout of 0.3 and one cycle of 60 epochs. With `early_stopping` or a small
    `max_iter`, which ask for a short fit, these are 64 units, 0.1 and at most 30
    epochs. If you set `n_members` to another number, the recipe trains that many
    members in any case.

    With `recipe="mlp"`, or with `scaling=None` and the parameters of the MLP, training
    agrees with scikit-learn's MLPRegressor up to rounding, except where the latter is
    wrong, and except that "adam" supports schedules that the MLP lacks.

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

    .. [10] P. J. Huber, "Robust estimation of a location parameter", Annals of
       Mathematical Statistics 35, 1964, equation 1.9.
    .. [11] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978,
       equation 3.1.
    .. [12] V. Chernozhukov, I. Fernandez-Val and A. Galichon, "Quantile and probability
       curves without crossing", Econometrica 78, 2010, equation 2.2.
    .. [13] D. Holzmueller, L. Grinsztajn and I. Steinwart, "Better by default: strong
       pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024, section 3.
    .. [14] L. K. Hansen and P. Salamon, "Neural network ensembles", IEEE Transactions
       on Pattern Analysis and Machine Intelligence 12, 1990.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from skann import BackpropRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = BackpropRegressor(random_state=0)
    >>> scores = cross_val_score(regressor, X, y)
    >>> bool(scores.mean() > 0.4)
    True
    >>> regressor.fit(X, y).predict(X[:2]).shape
    (2,)
    >>> regressor.auto_params_["hidden_layer_sizes"]
    (64, 64)
    """

    _parameter_constraints: dict = {
        **BaseBackprop._parameter_constraints,
        "loss": [
            StrOptions(
                {
                    "squared_error",
                    "absolute_error",
                    "huber",
                    "quantile",
                    "poisson",
                    "gamma",
                }
            ),
            Loss,
        ],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [POSITIVE, None],
        "output_activation": [
            StrOptions({"auto", "identity", "logistic", "tanh", "relu", "exp"})
        ],
    }

    _read_target = staticmethod(read_numbers)

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
        loss: RegressorLossName | Loss = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float | None = None,
        output_activation: RegressorOutputName = "auto",
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
        self.quantile, self.huber_delta = quantile, huber_delta
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
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Run one epoch of minibatch descent over a batch of data.

        Each call continues with the optimizer state, the learning-rate schedule and the
        random numbers of the previous call. k calls with the same data are thus
        equivalent to k epochs of `fit` at the same learning rate. Inputs and targets
        are scaled by the statistics of all batches so far; when these change, the
        weights of the first and the last layer are adjusted so that the network
        computes the same function (except for inputs with `scaling="adaptive"` and
        "stream"). The first batch sets the scale for the initial weights, and should
        contain at least a few dozen samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs. Strings, categories and missing values are supported unless
            `scaling=None`; infinite values are not. A memory map, an HDF5 dataset, a
            zarr array or any other object with a shape, a dtype and row slices is read
            in blocks, without copying all of it to memory.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, which must be finite.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights, relative to those of all batches so far. If
            None, all samples have weight 1.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after the epoch but not used for
            training. Required with `early_stopping`: predictions then use the weights
            with the best score so far, while training continues from the latest
            weights. You decide when to stop.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            The weights of the validation samples in the score.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError
            If an input or a parameter is invalid, or if training diverges. The
            estimator is then left unchanged.
        """
        return self._train(
            Request(
                X=X,
                y=y,
                sample_weight=sample_weight,
                X_val=X_val,
                y_val=y_val,
                sample_weight_val=sample_weight_val,
                is_piece=True,
            )
        )

    # ---------------------------------------------------------------- predicting

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions, in the units of the target. If `quantile` is a sequence,
            one column per quantile.
        """
        return self._decode_outputs("predict", X)

    def predict_interval(
        self, X: MatrixLike, confidence_level: float = 0.9
    ) -> np.ndarray:
        """Predict intervals that contain a given share of the targets.

        The method is CV+ [1]_: the width of the intervals follows from the errors of
        the members on the training samples that each has left out, and increases where
        members disagree. The members must have left out folds, as they do by default
        for 100 samples or more.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        confidence_level : float, default=0.9
            The share of targets that the intervals should contain, between 0 and 1.

        Returns
        -------
        limits : ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            The lower and the upper limit for each sample; for several targets, the
            limits of each target separately. Limits are infinite if there are too few
            training samples for the confidence level. They never exceed the range of
            the output activation: for counts and positive targets, for example, they
            are not below 0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If `confidence_level` or X is invalid, if the members have not left out
            folds or have since been trained on them, or if the regressor predicts
            several quantiles.

        See Also
        --------
        predict : Predict targets or, with several quantiles, the quantiles themselves.

        Notes
        -----
        If new samples come from the same distribution as the training samples, their
        targets lie in the intervals with a probability of about 1 - alpha =
        `confidence_level`. For any distribution and any network, however bad, this
        probability is provably at least 1 - 2 alpha - sqrt(2 / n) for n training
        samples (theorem 4). The proof does not cover what a member shares with the
        members that are trained on its fold: the scaling of the columns, the cosines,
        and the moment at which training stops.

        The probability holds on average over all samples. All intervals have nearly the
        same width, so they contain fewer targets where the noise is large than where it
        is small; quantiles (`loss="quantile"`) adapt to the noise. All training samples
        count equally, whatever their `sample_weight`.

        References
        ----------
        .. [1] R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, "Predictive
           inference with the jackknife+", Annals of Statistics 49, 2021, section 3.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.model_selection import train_test_split
        >>> from skann import BackpropRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
        >>> regressor = BackpropRegressor(random_state=0).fit(X, y)
        >>> low, high = regressor.predict_interval(X_test, confidence_level=0.8).T
        >>> bool(0.7 < ((low <= y_test) & (y_test <= high)).mean() < 0.9)
        True
        """
        check_is_fitted(self)
        check_level(confidence_level)
        folds, residuals = self._require_residuals()
        X, model = check_inputs(self, X), self._model

        def limits_of(raw):
            predictions = model.in_target_units(raw)
            limits = interval_limits(predictions, residuals, folds, confidence_level)
            return np.clip(limits, *model.output_range, out=limits)

        limits = model.map_outputs(limits_of, X, of_members=True)
        return limits[:, 0] if limits.shape[1] == 1 else limits

    def _require_residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the fold and the out-of-fold errors of each training row."""
        if isinstance(self._target, Quantiles):
            raise ValueError(
                "predict_interval needs a regressor with one prediction per target, "
                f"but this one predicts the quantiles {self._target.levels}. Take the "
                "limits of the intervals from `predict`."
            )
        if self._out_of_fold is None:
            raise ValueError(
                "predict_interval needs members that have each left out a fold of the "
                "training rows. By default, a fit to 100 rows or more trains such "
                f"members; otherwise, set n_members to {LEAST_FOLDS} or more and "
                "learning_rate='cycles', without early_stopping. After partial_fit, or "
                "a warm-started fit to other rows, the members have been trained on "
                "all rows: call fit again with warm_start=False."
            )
        return self._out_of_fold["folds"], self._out_of_fold["residuals"]

    def score(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the coefficient of determination, R^2, of the predictions.

        For several quantiles, the score is the mean of their D^2, the fraction by which
        the pinball loss is smaller than that of always predicting the quantile of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the samples.

        Returns
        -------
        score : float
            The score, which is 1 for perfect predictions and may be negative.
        """
        check_is_fitted(self)
        if isinstance(self._target, Quantiles):
            return self._target.score_predictions(y, self.predict(X), sample_weight)
        return super().score(X, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Several targets of counts are supported too, but with a tag that says so,
        # scikit-learn's common checks would fit them to negative numbers.
        positive = self.loss in ("poisson", "gamma")
        tags.target_tags.multi_output = not positive
        tags.target_tags.positive_only = positive
        return tags
