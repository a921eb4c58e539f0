"""What a sentence says: its clauses, what it names, when, how much; and how alike it is to what was asked before."""
