"""About a film: the settings that it was made with, from the comment in its file."""

from typing import Any

from brushwork import files
from brushwork.errors import MetadataError, PictureError
from brushwork.pictures import metadata
from brushwork.video import extra


def read(path: str) -> dict[str, Any]:
    """Read the metadata in a film's file, as metadata.read does that of a picture. Raises MetadataError."""
    try:
        extra.check("av")
        import av

        with files.open_regular(path), av.open(path) as container:
            texts = {name.lower(): text for name, text in container.metadata.items()}
        return metadata.parsed(texts["comment"])
    except PictureError as error:
        raise MetadataError(f"cannot take settings from {path}: {error}") from None
    except OSError as error:
        raise MetadataError(f"cannot read {path}: {error.strerror or 'damaged'}") from error
    except Exception as error:  # whatever the text is
        reason = "it holds no settings of neural_style; give a film that it made"
        raise MetadataError(f"cannot take settings from {path}: {reason}") from error
