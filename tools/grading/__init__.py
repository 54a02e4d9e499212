"""Grade notebooks without Docker, each in a sandbox of its own.

Otter executes a notebook and its tests in one process: a notebook that ends the interpreter loses
all its points, and one that redefines what the tests call can win them. So only otter's way of
writing tests is used here. `run_cells` runs a student's cells in one sandbox, where it also calls
the functions that the tests ask about, and leaves values. Once everything in that sandbox has
ended, `judge` runs the tests on the values in another, where none of the student's code ever ran.
"""
