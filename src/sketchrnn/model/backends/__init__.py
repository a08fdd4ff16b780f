"""Backends to run a cell over time that are faster than the plain loop, with its answer."""
