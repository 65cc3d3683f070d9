"""What a sender raises."""


class NotTaken(Exception):
    """A notice that was not taken; the message says why. `final` means: never try it again."""

    def __init__(self, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final
