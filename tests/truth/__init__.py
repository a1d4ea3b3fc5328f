"""Second counts, written apart from the package, that the tests hold its figures against."""
