"""What only this server shows beside the hosted API: threads for people, and where the time of runs went."""
