"""What the processes of one installation share: the requests of projects, the hosts of sessions, their seats."""
