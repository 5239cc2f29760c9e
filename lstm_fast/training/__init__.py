"""The engine: parameters in one flat buffer, plans of native calls, and the loops that run them. Not public.

parameters.py   Parameter (a view) and Store (one buffer of values, one of gradients)
plan.py         Value, Op, Plan: a model for one input shape, all memory allocated, one native call per step of it
ops.py          the operations written in NumPy on one input
merging.py      those on several
data.py         the front door: what people pass to fit, evaluate and predict, as arrays
softmax.py      softmax and cross-entropy as one
step.py         one training step, one evaluation
totals.py       means of loss and metrics over batches
loop.py         fit: epochs, callbacks, interruption
"""
