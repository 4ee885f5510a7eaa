"""Turn picture files and data sets into decoded, oriented and cropped pixels."""
