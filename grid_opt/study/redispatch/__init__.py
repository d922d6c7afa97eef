"""Run a plan through all hours of its years, and say what its representative days got wrong."""
