"""Korean DeBERTa-v3 base: the encoder that the plan selects."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "ko-deberta")
