"""A callback by which tests break off a fit."""


class Interrupt:
    """A callback that presses Ctrl-C when the n-th epoch ends."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        self.count = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name in ("epoch", "iteration"):
            self.count += 1
            if self.count == self.n_epochs:
                raise KeyboardInterrupt
