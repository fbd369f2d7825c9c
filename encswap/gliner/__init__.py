"""Everything private of gliner2: how its models are built, and what its prompt is made of."""
