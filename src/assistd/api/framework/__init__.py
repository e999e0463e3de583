"""What FastAPI would do in each request, done by a plan: find the endpoint, make its arguments."""
