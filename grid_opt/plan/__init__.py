"""A plan as data: what it holds, how it is written and read, and its figures in short."""
