"""KF-DeBERTa base: a Korean DeBERTa of the financial domain."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "kf-deberta")
