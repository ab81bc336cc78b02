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

    It minimises the cross-entropy or the squared error by minibatch gradient descent or
    L-BFGS, and supports binary, multiclass and multilabel targets.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        The number of units in each hidden layer. An empty sequence means no hidden
        layers, which gives a logistic regression. "auto" is (64, 64) with the recipe
        for tables (see Notes), (128, 128) if that recipe trains a single network, and
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

    loss : {"log_loss", "squared_error"} or Loss, default="log_loss"
        The loss to minimise. In the formulas, y_k is 1 for the true class and 0
        otherwise.

        - "log_loss": the cross-entropy, -sum_k y_k log p_k; for independent outputs,
          the sum also includes the terms -(1 - y_k) log(1 - p_k).
        - "squared_error": half the squared error, sum_k (p_k - y_k)^2 / 2.
        - a `skann.Loss` object.

    class_weight : dict, "balanced" or None, default=None
        The weights of the classes. The weight of each sample is multiplied by that of
        its class. A dict has the form {label: weight}; classes missing from it have
        weight 1. "balanced" uses `n_samples / (n_classes * np.bincount(y))`, with
        samples counted by their weights. Passing the corresponding `sample_weight` has
        the same effect. For an indicator matrix of labels, only "balanced" is
        supported; the weights of a sample's labels are multiplied.

    label_smoothing : float or "auto", default="auto"
        The share e, in [0, 1), of each target that is spread over all classes in
        proportion to their frequencies: y becomes (1 - e) y + e p, where p is the
        weighted mean of all targets. The predicted probabilities thus remain correct on
        average [10]_. "auto" is 0.05 with the recipe for tables (see Notes), and 0
        otherwise.

    output_activation : {"auto", "logistic", "softmax"}, default="auto"
        The function that turns raw outputs into probabilities. "auto" is "softmax" for
        three or more classes, and "logistic" for two classes (with one output) and for
        multilabel targets. With K > 2 classes, "logistic" uses K independent outputs;
        with two classes, "softmax" uses two outputs.

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
        "sgd" and "adam" stop when the training loss stops improving. If samples are
        shuffled, the split is stratified by class as far as the class sizes allow.

    validation_fraction : float, default=0.1
        The proportion of the training data to set aside for `early_stopping`, in [0,
        1): random samples, or the last ones if `shuffle=False`.

    restore_best_weights : bool, default=False
        Whether a fit without `early_stopping` ends with the weights of the epoch with
        the smallest training loss instead of those of the last epoch. With
        `early_stopping`, the weights with the best validation score are always kept.

    scoring : str, callable or None, default=None
        How to score the validation data. If None, the accuracy is used; if "loss",
        minus the loss without the penalty. Otherwise, the name of one of scikit-learn's
        scorers, or a callable with the signature `scorer(estimator, X, y)`.

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
        How to scale the columns of X.

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
        sparse.

    n_frequencies : int or "auto", default="auto"
        The number of cosine features per input. The first layer receives each scaled
        input together with these cosines, whose frequencies and phases are learned. If
        0, it receives only the inputs. With `scaling="bounded"` and at most 16 000
        samples, the cosines are functions of the rank of the input, mapped to a normal
        distribution; otherwise, of the scaled input. Sparse X is converted to dense
        batch by batch. "auto" is 3 with the recipe for tables (see Notes) if X is dense
        and has at most 100 columns, or 1 if all columns have two values, or if there
        are at most 1000 columns and 16 000 samples. If columns are collinear like those
        of spectra, and otherwise, it is 0 [11]_.

    frequency_scale : float, default=0.1
        The standard deviation of the initial frequencies, in cycles per unit of the
        scaled input; at most 1e6.

    n_members : int or "auto", default="auto"
        The number of networks in the ensemble. They are trained on the same
        minibatches, each with its own weights and dropout, and their predictions
        (probabilities or values) are averaged [12]_. Groups of four share their
        cosines. 1 is a single network, the only option for "lbfgs". With four or more
        members and `learning_rate="cycles"`, each member leaves out one fold of the
        samples (stratified by class; consecutive samples if `shuffle=False`). Each
        sample thus has a prediction from a member that was not trained on it, and the
        loss of these out-of-fold predictions after each cycle determines when to stop.
        "auto" is 8 with the recipe for tables (see Notes), or 4 for more than 16 000
        samples, unless the recipe trains a single network; 4 with the recipe for
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
    classes_ : ndarray of shape (n_classes,)
        The class labels; for multilabel targets, the column numbers.

    coefs_ : list of ndarray of shape (fan_in, fan_out) or (n_members, fan_in, fan_out)
        The weights of each layer, for scaled inputs. You can change their elements or
        assign a list of arrays.

    intercepts_ : list of ndarray of shape (fan_out,) or (n_members, fan_out)
        The biases of each layer.

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

    temperature_ : float
        The number by which the logits of the averaged prediction are divided to
        calibrate the probabilities. Together with an offset per output, it is chosen to
        minimise the cross-entropy of the out-of-fold predictions [13]_. It is 1 if the
        members do not leave out folds, or for other losses.

    oof_score_ : float
        The accuracy of the out-of-fold predictions: each training sample is predicted
        by the member that left it out. The average of all members is often a little
        better than these single members. Only exists if the members leave out folds.

    oof_decision_function_ : ndarray of shape (n_samples, n_classes) or None
        The out-of-fold probabilities; None if there are more than 2**24 of them. Only
        exists if the members leave out folds.

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
    BackpropRegressor : The same network for regression.
    check_gradient : Compare the gradient with finite differences.
    sklearn.neural_network.MLPClassifier : The counterpart in scikit-learn.

    Notes
    -----
    For a batch B of samples, each step follows the negative gradient of

        J = sum_B w loss / W + alpha / (2 W) sum_l ||W_l||^2,

    where w are the sample weights, and W is their mean over all data times the batch
    size.

    The parameters set to "auto" belong together. With the recipe for tables, they have
    values that were found by experiment [11]_; with `recipe="mlp"`, they have the
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
    agrees with scikit-learn's MLPClassifier up to rounding, except where the latter is
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

        Each call continues with the optimizer state, the learning-rate schedule and the
        random numbers of the previous call. k calls with the same data are thus
        equivalent to k epochs of `fit` at the same learning rate. Inputs are scaled by
        the statistics of all batches so far; when these change, the weights of the
        first layer are adjusted so that the network computes the same function (except
        with `scaling="adaptive"` and "stream"). The first batch sets the scale for the
        initial weights, and should contain at least a few dozen samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs. Strings, categories and missing values are supported unless
            `scaling=None`; infinite values are not. A memory map, an HDF5 dataset, a
            zarr array or any other object with a shape, a dtype and row slices is read
            in blocks, without copying all of it to memory.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels, or an indicator matrix of labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights, relative to those of all batches so far. If
            None, all samples have weight 1.

        classes : array-like of shape (n_classes,), default=None
            All classes that can occur in any call (for an indicator matrix, the column
            numbers). Required in the first call, optional afterwards.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after the epoch but not used for
            training. Required with `early_stopping`: predictions then use the weights
            with the best score so far, while training continues from the latest
            weights. You decide when to stop.

        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
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
                classes=classes,
                is_piece=True,
            )
        )

    @property
    def temperature_(self) -> float:
        """The number by which the logits of the averaged prediction are divided."""
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
            The most probable class of each sample; for multilabel targets, an indicator
            matrix of the labels with a probability above 0.5.
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
            For two classes, the log-odds of the second class, one value per sample;
            otherwise, one column per class or label. With several members, the values
            are derived from the mean of their probabilities.
        """
        return self._decode_outputs("scores", X)

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The probabilities, with one column per entry of `classes_`. Each row sums to
            1, except for multilabel targets, whose labels are independent. With three
            or more classes and `output_activation="logistic"`, the independent outputs
            are divided by their sum. All values lie strictly between 0 and 1 (except
            for a single class): values below 2.3e-302 (1.2e-32 in a float32 fit) are
            raised, but stay below this bound and in order, and values that would round
            to 1 become the largest number below 1.
        """
        return self._decode_outputs("probabilities", X)

    def predict_log_proba(self, X: MatrixLike) -> np.ndarray:
        """Predict logarithms of class probabilities, without underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The log-probabilities, with one column per entry of `classes_`, computed
            from the raw outputs. Up to rounding, they equal the logarithms of the
            output of `predict_proba`, except in the far tails, below -694.5 and above
            -1.1e-16 (in a float32 fit, below -73.5 and above -6e-8). There
            `predict_proba` keeps its values away from 0 and 1, whereas these are the
            logarithms of the actual probabilities.
        """
        return self._decode_outputs("log_probabilities", X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
