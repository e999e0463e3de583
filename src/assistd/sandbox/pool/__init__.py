"""The live sessions of this host: who has one, who waits for one, and which stand ready."""
