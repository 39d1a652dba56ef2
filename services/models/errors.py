"""What can go wrong between a manifest and a model in its folder. A message is one sentence for a person."""


class ModelsError(Exception):
    """The command cannot go on; the message says why."""


class ManifestRefused(ModelsError):
    """A manifest or the table of profiles is not what it has to be."""


class UnknownModel(ModelsError):
    """No manifest names this model, or no profile has this name."""


class DiskFull(ModelsError):
    """There is no room for the files."""


class SourceFailed(ModelsError):
    """This source does not give the model; another one may."""


class Unreachable(SourceFailed):
    """The host gives no connection. Remembered for the run: it is not asked again."""

    def __init__(self, host: str, reason: str, *, already_said: bool = False) -> None:
        super().__init__(f"{host} cannot be reached ({reason})")
        self.host = host
        self.reason = reason
        self.already_said = already_said


class NotOffered(SourceFailed):
    """The source is there and does not have the file, or does not give it to us."""


class WrongContent(SourceFailed):
    """The bytes are not those of the manifest. They are kept out."""
