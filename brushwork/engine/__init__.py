"""Evaluation: terms of the loss, the graph of a tile, the loss of a whole picture and its gradient, memory."""
