"""XLM-RoBERTa base."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "xlm-r")
