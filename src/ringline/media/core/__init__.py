"""The media engine without I/O: no system calls, no clock, compiled when a compiler is there."""
