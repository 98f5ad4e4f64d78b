"""The database step: dumped beside the live one, restored beside it, and swapped in by rename."""
