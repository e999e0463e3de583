"""The sessions of many hosts: seats, and how hosts are known to live."""
