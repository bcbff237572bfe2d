"""Who is speaking: keys, the names of nodes and instances, tickets, and what each caller may do.

Pure.
"""
