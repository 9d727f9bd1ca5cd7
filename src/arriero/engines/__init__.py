"""What makes the text: adapters to engines. They start no processes; ``runners`` does."""
