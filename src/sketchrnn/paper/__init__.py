"""The paper's experiments: its tables and figures, made anew."""
