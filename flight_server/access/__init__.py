"""Who is asking, and what they may do: identities, tokens, and a store as one identity sees it."""
