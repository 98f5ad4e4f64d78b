"""What the database step must hold, measured against what one would do without this program."""
