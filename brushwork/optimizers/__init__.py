"""Optimisers: from evaluate(image) -> (losses, gradient) to a sequence of images."""

BOX = 0.0, 255.0  # the least and the greatest value of a pixel that a picture file can hold
