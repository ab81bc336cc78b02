"""The ONNX graph of a fitted estimator, with one stage per module.

`graph` contains values that support arithmetic like arrays. `scaling` comes before the
network, `layers` and `activations` are the network, `members` combines the outputs of
several networks, and `outputs` turns raw outputs into predictions.
"""
