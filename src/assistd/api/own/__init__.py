"""What only this server has, below /assistd: the playground, and other programs, ask for it with a key of /v1."""
