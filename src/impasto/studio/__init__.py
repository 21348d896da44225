"""The studio: Impasto on a page of one's own machine. The commands of the package do not import it."""
