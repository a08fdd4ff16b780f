"""Measuring how fast training and drawing are, beside the plain loop and what the machine allows.

Settings -> train, draw (each compares tasks: `measure`) -> report. Memory: a process of its own.
"""
