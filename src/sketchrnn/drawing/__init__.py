"""What people do with a trained model: load it, draw, encode, decode, reconstruct."""
