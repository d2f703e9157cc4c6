"""--keep-metadata: what a camera wrote of a photograph is in the picture made from it, and nothing else is."""

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from brushwork.pictures import exif, metadata, read, write
from tests.helpers import picture_files

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="#"><rdf:Description tiff:Orientation="6" dc:rights="Ann">'
    b"<exif:PixelXDimension>32</exif:PixelXDimension><xmp:Thumbnails><a>0</a></xmp:Thumbnails>"
    b"<dc:creator>Ann</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)
CLEAN = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="#"><rdf:Description dc:rights="Ann">'
    b"<dc:creator>Ann</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)
OUTPUTS = [("jpg", 8), ("png", 8), ("png", 16), ("webp", 8), ("avif", 8), ("tif", 8), ("tif", 16)]


def camera():
    """The EXIF data of a camera, with what must not be kept: orientation, size and a note of the maker."""
    data = Image.Exif()
    data[ExifTags.Base.Orientation], data[ExifTags.Base.Make] = 6, "Brush"
    data[ExifTags.Base.Copyright] = "\u00a9 Ann".encode()
    details, place = data.get_ifd(ExifTags.IFD.Exif), data.get_ifd(ExifTags.IFD.GPSInfo)
    details[ExifTags.Base.DateTimeOriginal], details[ExifTags.Base.ExposureTime] = (
        "2026:01:02 03:04:05",
        IFDRational(1, 200),
    )
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.MakerNote] = 32, b"secret"
    place[1], place[2] = "N", (IFDRational(48), IFDRational(31), IFDRational(3, 2))
    return data


def photo(kind, folder):
    """The path of a photograph of 32 x 24 pixels, lying on its side."""
    path, texts = folder / f"photo.{kind}", PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    options = {"pnginfo": texts} if kind == "png" else {"xmp": XMP}
    Image.fromarray(picture_files.texture()).save(path, exif=camera(), **options)
    return path


def facts(path):
    """(tags of the first directory, of EXIF, of the place) in a file, as Pillow reads them."""
    with Image.open(path) as picture:
        data = picture.getexif()
        return dict(data), data.get_ifd(ExifTags.IFD.Exif), data.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize(("output", "depth"), OUTPUTS)
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_date_place_and_copyright_are_kept(tmp_path, kind, output, depth):
    source, path = read.picture(photo(kind, tmp_path)), tmp_path / f"out.{output}"
    assert source.image.shape == (32, 24, 3)
    write.save(path, source.image, metadata={"flags": ["--box"]}, depth=depth, photograph=source.photograph)
    first, details, place = facts(path)
    assert first[ExifTags.Base.Make] == "Brush"
    assert first[ExifTags.Base.Copyright].encode("latin-1").decode() == "\u00a9 Ann"
    assert ExifTags.Base.Orientation not in first
    assert details[ExifTags.Base.DateTimeOriginal] == "2026:01:02 03:04:05"
    assert details[ExifTags.Base.ExposureTime] == 0.005
    assert not {ExifTags.Base.ExifImageWidth, ExifTags.Base.MakerNote} & set(details)
    assert place == {1: "N", 2: (48, 31, 1.5)}
    written = read.picture(path)
    assert written.photograph.xmp == CLEAN
    assert written.image.shape == (32, 24, 3)
    assert metadata.read(path)["flags"] == ["--box"]


def test_a_tiff_is_a_source_too(tmp_path):
    source = read.picture(photo("jpg", tmp_path))
    write.save(tmp_path / "a.tif", source.image, photograph=source.photograph)
    again = read.picture(tmp_path / "a.tif").photograph
    assert (again.tags, again.xmp) == (source.photograph.tags, CLEAN)


@pytest.mark.parametrize("data", [None, b"", b"garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff"])
def test_damaged_or_missing_metadata_is_none(data):
    with read.quiet():
        assert exif.photograph(data, None) is None
        assert exif.photograph(data, b"garbage") is None


def test_metadata_that_jpeg_cannot_hold_is_dropped(tmp_path):
    data = Image.Exif()
    data[ExifTags.Base.Copyright] = "x" * 70_000
    assert exif.photograph(data, b"rdf:RDF" + b"x" * 70_000) is None


def test_the_command(command, tmp_path):
    data = picture_files.encoded(picture_files.texture(30, 40), "JPEG", exif=camera())
    (tmp_path / "photo.jpg").write_bytes(data)
    flags = ("--content", tmp_path / "photo.jpg", "--style-size", "original")
    assert command(*flags, output="plain.jpg", iterations=0)[0] == 0
    assert facts("plain.jpg")[0].keys() & {ExifTags.Base.Make, ExifTags.Base.Copyright} == set()
    assert command(*flags, "--keep-metadata", output="kept.jpg", iterations=0)[0] == 0
    assert facts("kept.jpg")[2] == {1: "N", 2: (48, 31, 1.5)}
    np.testing.assert_array_equal(read.image("plain.jpg"), read.image("kept.jpg"))
    said = command(*flags, "--keep-metadata", output="kept.gif", iterations=0)[2]
    assert "--keep-metadata has no effect: GIF files hold no date, place or copyright" in said
    said = command("--keep-metadata", output="none.jpg", iterations=0)[2]
    assert "--keep-metadata has no effect: content.png holds no date, place or copyright" in said
