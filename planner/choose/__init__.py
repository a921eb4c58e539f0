"""Which tool a wish is for; whether to act, to ask or to decline; and how an answer to a question completes it."""
