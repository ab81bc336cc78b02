"""Training: optimizers, schedules, solvers and the loop over epochs."""
