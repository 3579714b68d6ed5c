"""Animals."""


class Animal:
    """Anything with a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fed = 0

    def speak(self) -> str:
        """What it says."""
        return self.name

    def feed(self, grams: int) -> "Animal":
        """Give it something."""
        self.fed += grams
        return self


class Cat(Animal):
    """Says something else."""

    def speak(self) -> str:
        """What it says."""
        return "🐈 " + super().speak() + "é" + self.name
