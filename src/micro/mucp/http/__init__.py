"""The http spelling of MUCP: what go-micro programs say to each other, as two sequences of messages on one pipe."""
