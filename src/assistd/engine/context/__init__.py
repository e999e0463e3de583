"""What every door tells a model alike: which addresses pictures may have, and how logs are shortened."""
