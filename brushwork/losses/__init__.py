"""Terms of the loss beyond the classic ones."""
