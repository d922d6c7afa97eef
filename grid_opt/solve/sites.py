"""Which columns of a program open campuses and stand halls; and the program without some campuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from grid_opt.solve.standard_form import Matrix, Numbers


def sites_of(matrix: Matrix, places: Numbers) -> dict[int, list[int]]:
    """Return the columns of ``campus.site`` by region."""
    found: dict[int, list[int]] = {}
    for number, column in enumerate(matrix.columns):
        if not isinstance(column, str) and column.parent_component().local_name == "campus__site":
            found.setdefault(int(places[number]), []).append(number)
    return found


def halls_of(matrix: Matrix) -> list[list[int]]:
    """Return the columns of ``campus.halls`` by quarter: how many halls stand in one region each."""
    found: dict[object, list[int]] = {}
    for number, column in enumerate(matrix.columns):
        if not isinstance(column, str) and column.parent_component().local_name == "campus__halls":
            found.setdefault(column.index()[-1], []).append(number)
    return list(found.values())


def closing(matrix: Matrix, sites: Iterable[list[int]]) -> Matrix:
    """Return the program without some campuses, given the columns that open each."""
    upper = matrix.col_upper.copy()
    for columns in sites:
        upper[columns] = 0.0
    return replace(matrix, col_upper=upper)
