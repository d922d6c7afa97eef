"""Run many cases: declare them in one file, survive crashes, and gather them in one data cube."""

from __future__ import annotations
