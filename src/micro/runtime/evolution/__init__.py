"""Whether what is new is no worse than what it came from: decided by one integer function of counted evidence."""
