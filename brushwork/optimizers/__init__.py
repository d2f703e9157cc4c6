"""Optimisers: from evaluate(image) -> (losses, gradient) to a sequence of images."""
