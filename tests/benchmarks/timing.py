"""Timing contenders in turn, so that the machine's moods hit all of them alike."""

import gc
import math
import statistics
import time


def interleave(contenders, repeats):
    """Time each contender `repeats` times, one after the other, round by round.

    Parameters
    ----------
    contenders : dict of str to callable
        What to time. Each is called once before, uncounted.

    repeats : int
        The number of counted rounds.

    Returns
    -------
    seconds : dict of str to list of float
        The seconds of each counted call.
    """
    for work in contenders.values():
        work()
    seconds = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, work in contenders.items():
                start = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return seconds


def paired_ratio(numerator, denominator):
    """Return the median over rounds of the ratio within a round."""
    pairs = zip(numerator, denominator, strict=True)
    return statistics.median(a / b for a, b in pairs)


def geometric_mean(values):
    """Return the geometric mean."""
    return math.exp(statistics.fmean(math.log(value) for value in values))
