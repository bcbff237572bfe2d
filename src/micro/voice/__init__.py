"""Voice: sound becomes words, and words become sound."""
