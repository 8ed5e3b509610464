"""`ringline demo`: a voice app, phones that call it, and what came of it, on one machine."""
