"""After-sales: returns from the request to the settlement, tickets, warranty claims, and what customers think of it all."""
