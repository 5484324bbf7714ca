"""Attackers that take a while: a LAN that lives, all of its traffic, and what becomes of it when it is said again."""
