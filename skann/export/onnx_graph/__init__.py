"""An ONNX graph of a fitted estimator, a stage in each file.

`graph` has values that are computed with as arrays are. `scaling` stands before the
network, `layers` and `activations` are the network, `members` makes one output of
several, and `outputs` turns it into predictions.
"""
