"""How the code of one language becomes something that runs: a file for each, behind one small protocol."""
