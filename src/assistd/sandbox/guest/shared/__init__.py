"""What server and guest both import: frames, channels, system calls. Standard library only."""
