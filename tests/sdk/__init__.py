"""Official clients, played through scenarios that hold of every engine."""
