"""The door for phones in the same house: HTTPS at the machine's private addresses, opened by pairing one."""
