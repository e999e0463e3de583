"""How well and how fast files are found: quality on sets made from Debian's documentation, speed, a peer beside."""
