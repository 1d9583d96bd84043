"""How sure a number is: pure functions of arrays, by the libraries for it where they have them."""
