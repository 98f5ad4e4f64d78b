"""The steps of a rollback, one module each: an act that looks first and is safe to repeat."""
