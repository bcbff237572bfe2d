"""The engines that are measured, ours among them, behind one small protocol."""
