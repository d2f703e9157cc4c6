"""Video: clips in, films out, and what makes one frame of a film follow from the one before."""
