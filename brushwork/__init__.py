"""What carries the three classic files: settings, errors, files and states, and a room for each kind of work."""
