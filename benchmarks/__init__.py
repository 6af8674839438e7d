"""How fast the package is, measured against what one would use instead. Not part of the package, and no timed test."""
