"""Measuring how fast training and drawing are, beside the plain loop and what the machine allows.

Settings -> train, draw (timing; floor: work and rates; memory: own processes) -> report.
"""
