"""The harness of the LAN tests: sandbox, networks, processes, captures, forgery."""
