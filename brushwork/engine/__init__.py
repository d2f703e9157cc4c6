"""Evaluation: TensorFlow's session, memory, tiles, and sums over a picture with their gradient."""
