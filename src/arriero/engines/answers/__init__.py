"""From what engines stream to events: pure readers, and what finds thinking and calls in text."""
