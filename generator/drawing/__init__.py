"""Turn arrays into pictures, without torch."""
