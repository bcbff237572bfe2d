"""Where programs come in that know nothing of Micro: a process beside each registers for it and turns calls into it."""
