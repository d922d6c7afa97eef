"""Studies of one case by many plans: fronts of what trades off, and plans that cost nearly the same and differ."""
