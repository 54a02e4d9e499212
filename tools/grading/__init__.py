"""Grade notebooks without Docker, each in processes of its own.

Otter executes a notebook and its tests in one process: a notebook that ends the interpreter loses
all its points, and one that redefines what the tests call can win them. So only otter's way of
writing tests is used here. `execute` runs a student's cells in one process (`run_cells`) and keeps
the values that the tests read; `judge` runs the tests on these values in another, where none of
the student's code has ever run.
"""
