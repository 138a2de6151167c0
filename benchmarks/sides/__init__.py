"""The work that peers.py times (cases.py), and one library's way to do it in each of the other modules."""
