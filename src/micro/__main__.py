"""`python -m micro` is the command `micro`."""

from __future__ import annotations

from micro.doors.cli.main import main

if __name__ == "__main__":
    main()
