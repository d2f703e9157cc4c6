"""A run: which pictures to make, what is checked before, what is saved however it ends."""
