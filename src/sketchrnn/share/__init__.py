"""Giving models away, and taking what others gave: the hub, cards, ONNX, Magenta, starters."""
