"""The HTTP server: one ASGI app for every dialect. Handlers decode, call and encode."""
