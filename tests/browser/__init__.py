"""The web app in a real browser; a package, so that its browser is closed when its last test is over."""
