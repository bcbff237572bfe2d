"""The web app as the HTTP door needs it: the built files, and the sessions of browsers."""
