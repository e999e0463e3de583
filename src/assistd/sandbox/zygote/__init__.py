"""The server's end of a zygote: starting it, and the sessions it forks."""
