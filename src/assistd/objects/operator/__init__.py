"""What operators see: servers with what they do, and the hosted admin API's projects and keys."""
