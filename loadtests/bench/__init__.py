"""The side-by-side benchmark: peers started one after the other on one forest, and one page of what came out."""
