"""llama.cpp, embedded: one worker process a model."""
