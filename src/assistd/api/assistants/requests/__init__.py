"""The bodies of requests, one module per resource, with the limits of contract section 3."""
