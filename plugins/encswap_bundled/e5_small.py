"""multilingual-e5-small: reads about a hundred languages, at a hidden size of 384."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "e5-small")
