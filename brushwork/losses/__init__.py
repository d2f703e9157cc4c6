"""Style losses: their base class, and those beyond the classic Gram loss of stylize.py."""
