"""Transport: carriers and what they charge, shipments and where they are, and what is owed when one is late, lost or broken."""
