"""Tables of the page: each module makes one from results, of the parts in `parts`."""
