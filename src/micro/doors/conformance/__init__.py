"""The kit that tries any implementation of MUCP from outside; it uses nothing of `micro.mucp`, which it tries too."""
