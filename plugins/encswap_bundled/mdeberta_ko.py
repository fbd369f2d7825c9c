"""mDeBERTa v3 base, trained further on Korean."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "mdeberta-ko")
