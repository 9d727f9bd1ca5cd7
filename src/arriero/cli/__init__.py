"""The command lines: ``arriero``, and what ``python -m arriero.launch_server`` shares with it."""
