"""Tables -> figures, by matplotlib and seaborn.

Draws what analysis computes, on axes that are given or new; reads no folder.
"""
