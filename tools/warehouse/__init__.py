"""What can be done in warehouses: places and bins, picking, packing, receiving, counting."""
