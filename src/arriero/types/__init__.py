"""The neutral middle: what a request asks and an answer is, in no dialect. Values only, no I/O."""
