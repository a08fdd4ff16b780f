"""The model of the paper: config, cells, their unrolling over time, the mixture, the whole."""
