"""Which engine serves which model: starting, watching, restarting and unloading."""
