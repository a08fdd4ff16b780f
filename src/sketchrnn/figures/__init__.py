"""Figures: sheets of drawings, training curves, a page; SVG first, PNG from the SVG."""
