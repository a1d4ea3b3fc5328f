"""The HTTP face: what tachlog serves to browsers and programs."""
