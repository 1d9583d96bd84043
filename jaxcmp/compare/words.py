"""The words for how sure a difference is, the same in the whole report."""

# Of a lead that is real, and of one that is not: see `Lead`.
CLEAR = "more than seeds alone explain"
UNCLEAR = "which seeds alone can explain"
# The same where there is no room for a sentence.
NOT_CLEAR = "not clear"
