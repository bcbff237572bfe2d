"""Who is speaking: keys, names of nodes and services, tickets, and what each caller may do."""
