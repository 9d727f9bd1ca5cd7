"""Wire types of each dialect, their framing, and pure converters to and from the neutral types."""
