"""Whether people's work can be relied on: signals, exclusion, training, gold, and what people are told of it."""
