"""HTTP lives here only: routes, bodies, errors, frames of a stream."""
