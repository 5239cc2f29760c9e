"""Measures lstm_fast beside every installed peer in one run: `lstm-fast bench`.

The files:
    cases     what is measured: shapes, data, flop counts
    stacks    cases beyond one LSTM layer: other cells, ragged rows, directions, layers
    machine   where it is measured: CPU, caches, cores, FMA peak, read bandwidths, the limit per shape
    peers     who is measured: one file per rival, the same verbs in each
    worker    one process per rival, told what to do by JSON lines on its standard input
    race      the parent: checks that all agree, then lets the rivals run in alternating blocks
    report    tables and JSON
    options   what the options of a layer cost: `--options`
    sweep     one dimension at a time: cliffs, pictures
    scaling   a model of the time on n cores
    programs  whole programs instead of one layer: `--programs`
    cli       the arguments of `lstm-fast bench`
"""
