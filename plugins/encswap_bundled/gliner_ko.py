"""gliner_ko: a whole Korean GLiNER v1 model."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "gliner-ko")
