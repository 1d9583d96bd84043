"""The surroundings of a process: signals, messages, memory, devices, other processes."""
