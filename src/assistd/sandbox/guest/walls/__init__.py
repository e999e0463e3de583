"""The walls around a zygote and around each of its sessions."""
