"""Products: what is in the catalogue, how it is put there and taken out, what runs low and what sells."""
