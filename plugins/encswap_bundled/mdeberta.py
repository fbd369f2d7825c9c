"""mDeBERTa v3 base: a hundred languages, Korean among them."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "mdeberta")
