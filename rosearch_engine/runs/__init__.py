"""A run as a process: start, stop, heartbeat, how long it will take."""
