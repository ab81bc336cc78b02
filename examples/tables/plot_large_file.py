"""
Fitting a file in batches
=========================

A parquet file is read one row group at a time, and each group is passed to
``partial_fit``, which continues where the last call ended. After each batch the network
is scored on held-out rows, and the best weights are kept. We compare this with a fit to
the whole table, which still fits into memory here.
"""

# %%
# The file: trips in a town, and how long they took. It is written in row groups, as
# large parquet files usually are.
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skann import BackpropRegressor

TARGET = "minutes"


def trips(n_rows, random_state):
    """Return some trips: traffic slows down cars, but not trains."""
    hour = random_state.uniform(0, 24, n_rows)
    km = random_state.lognormal(1.5, 0.6, n_rows)
    by = random_state.choice(["bicycle", "car", "train"], n_rows)
    traffic = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 17) ** 2) / 6)
    speed = np.select([by == "bicycle", by == "car"], [15, 40 / (1 + 2 * traffic)], 50)
    minutes = 60 * km / speed + 12 * (by == "train") + random_state.normal(0, 1, n_rows)
    table = {"hour": hour, "km": km, "by": by, TARGET: minutes}
    return pd.DataFrame(table)


random_state = np.random.RandomState(0)
path = Path(tempfile.mkdtemp()) / "trips.parquet"
n_groups, n_rows = 30, 2_000
with pq.ParquetWriter(path, pa.Schema.from_pandas(trips(1, random_state))) as writer:
    for _ in range(n_groups):
        frame = trips(n_rows, random_state)
        writer.write_table(pa.Table.from_pandas(frame, writer.schema), n_rows)
print(f"{path.name}: {n_groups * n_rows} rows in {n_groups} groups")


# %%
# One row group is read at a time, in a different order in each epoch. ``partial_fit``
# itself shuffles the rows of a batch.
def batches(path, random_state):
    """Yield the tables in a parquet file, and their targets."""
    with pq.ParquetFile(path) as file:
        for number in random_state.permutation(file.num_row_groups):
            frame = file.read_row_group(number).to_pandas()
            yield frame.drop(columns=TARGET), frame[TARGET]


# %%
# A schedule with an end needs to know how many batches there will be: ``max_iter``. The
# categories of a column are those in the first batch.
n_epochs = 3
held_out = trips(2_000, random_state)
X_val, y_val = held_out.drop(columns=TARGET), held_out[TARGET]
network = BackpropRegressor(
    (64, 64),
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=n_epochs * n_groups,
    early_stopping=True,
    random_state=0,
)
start = time.perf_counter()
for _ in range(n_epochs):
    for X, y in batches(path, random_state):
        network.partial_fit(X, y, X_val=X_val, y_val=y_val)
    best = network.best_validation_score_
    print(
        f"After {network.n_iter_} batches: R² {best:.4f} on held-out rows", flush=True
    )
seconds = time.perf_counter() - start
in_batches = network.score(X_val, y_val)
print(f"In batches: R² {in_batches:.4f} in {seconds:.1f} s")

# %%
# The same network and schedule for the same number of epochs, with all rows in memory.
table = pd.read_parquet(path)
at_once = BackpropRegressor(
    (64, 64),
    n_members=1,
    recipe="mlp",
    scaling="standard",
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=n_epochs,
    random_state=0,
).fit(table.drop(columns=TARGET), table[TARGET])
in_memory = at_once.score(X_val, y_val)
print(f"At once: R² {in_memory:.4f}")

# %%
# The score on the held-out rows after each batch.
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
scores = np.array(network.validation_scores_)
numbers = np.arange(1, scores.size + 1)
axes.plot(numbers, scores, color="#0072B2", label=f"in batches ({in_batches:.4f})")
label = f"at once, {n_epochs} epochs ({in_memory:.4f})"
axes.axhline(in_memory, color="#D55E00", linestyle="--", label=label)
for epoch in range(1, n_epochs):
    axes.axvline(epoch * n_groups, color="0.7", linewidth=1)
axes.set_ylim(min(0.9, scores[n_groups // 2]), 1)
axes.set_xlabel(f"batches of {n_rows} rows; epochs start at the grey lines")
axes.set_ylabel("R² on held-out rows")
axes.set_title("Learning from a file, one row group at a time")
axes.legend(loc="lower right")
axes.grid(alpha=0.3)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/large_file.png"
