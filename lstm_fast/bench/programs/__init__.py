"""Whole programs (`fit`, `predict`) beside the same programs in Keras and PyTorch: `lstm-fast bench --programs`.

The files:
    catalog     what is measured: layers, data, loss; one text for every rival
    data        rows of a program
    graphs      programs that are no row of layers
    keras_way   the program in Keras' words, for lstm_fast and for Keras
    torch_way   the same in PyTorch
    worker      one process per rival
    race        equal weights to all, loss curves compared, alternating blocks, peak memory
    report      tables and JSON
"""
