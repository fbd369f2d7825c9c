"""KURE v1: a Korean sentence encoder for retrieval."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "kure")
