"""Measures lstm_fast beside every installed peer in one run: `lstm-fast bench`.

The files:
    cases     what is measured: shapes, data, flop counts, the machine's limit per shape
    machine   where it is measured: CPU, caches, cores, FMA peak and read bandwidths
    peers     who is measured: one file per rival, the same verbs in each
    worker    one process per rival, told what to do by JSON lines on its standard input
    race      the parent: checks that all agree, then lets the rivals run in alternating blocks
    report    tables and JSON
    cli       the arguments of `lstm-fast bench`
"""
