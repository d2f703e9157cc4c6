"""Compare what is read of pictures in many formats with what ImageMagick reads.

    python -m tools.readers [--all]

ImageMagick (`convert`) writes one picture in every variant of the formats that it knows, reads each again, and lays it
over white. Prints a table of the differences, of 255: those that are large, or with --all, every one. A variant that is
refused by a sentence is listed with it. Exits with 1 if a picture differs by more than 1 on average, or 12 anywhere,
unless NOTES says why.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from brushwork.errors import PictureError
from brushwork.pictures import read

LOSSLESS = {"webp": "-define webp:lossless=true", "heic": "-quality 98", "avif": "-quality 98", "jp2": "-quality 100"}
GREY, OPAQUE, CLEAR = "-colorspace Gray", "opaque.ppm", "clear.png"
NOTES = {  # where ImageMagick 6 reads something else
    "lab8.tif": "L*a*b* is under D50 here, as in Photoshop and libtiff, and under D65 there",
    "lab16.tif": "L*a*b* is under D50 here, as in Photoshop and libtiff, and under D65 there",
    "alpha8-unspecified.tif": "a channel of unspecified meaning is no alpha here",
    "alpha16-unspecified.tif": "a channel of unspecified meaning is no alpha here",
    "float-unspecified.tif": "a channel of unspecified meaning is no alpha here",
    "opaque.pfm": "PFM is linear light here, and sRGB there",
    "grey.pfm": "PFM is linear light here, and sRGB there",
    "msb.pfm": "PFM is linear light here, and sRGB there",
    "alpha.psd": "its writer does not lay colours over white, as its reader expects",
    "opaque.avif": "chroma is interpolated otherwise; imagecodecs agrees with what is read here",
    "alpha.avif": "chroma is interpolated otherwise; imagecodecs agrees with what is read here",
}


def variants():
    """Yield (name of the file, name of the source, options of convert)."""
    for kind in ("PNG8", "PNG24", "PNG48", "PNG32", "PNG64"):
        for interlace in ("None", "PNG"):
            source = CLEAR if kind in ("PNG32", "PNG64") else OPAQUE
            yield f"{kind}-{interlace}.png", source, f"-interlace {interlace} -define png:format={kind.lower()}"
    for depth in (1, 2, 4, 8, 16):
        for interlace in ("None", "PNG"):
            options = f"-interlace {interlace} -define png:color-type=0 -define png:bit-depth={depth}"
            yield f"grey{depth}-{interlace}.png", OPAQUE, f"{GREY} -depth {depth} {options}"
    yield "grey-alpha16.png", CLEAR, f"{GREY} -define png:color-type=4 -define png:bit-depth=16"
    yield "linear.png", OPAQUE, "-define png:exclude-chunks=sRGB -gamma 1.0"
    yield from tiffs()
    for name, options in {"420": "2x2", "444": "1x1"}.items():
        yield f"{name}.jpg", OPAQUE, f"-quality 95 -sampling-factor {options}"
    for name, options in {"progressive": "-interlace JPEG", "grey": GREY, "cmyk": "-colorspace CMYK"}.items():
        yield f"{name}.jpg", OPAQUE, f"-quality 98 {options}"
    yield "turned.jpg", OPAQUE, "-orient LeftBottom -quality 98"
    for extension in "gif tga bmp ico sun sgi psd jp2 webp hdr pfm ppm heic avif".split():
        yield f"opaque.{extension}", OPAQUE, f"-depth 8 {LOSSLESS.get(extension, '')}"
    for extension in "gif tga bmp ico sgi psd jp2 webp avif".split():
        yield f"alpha.{extension}", CLEAR, f"-depth 8 {LOSSLESS.get(extension, '')}"
    for extension in "tga sgi psd jp2 pfm".split():
        yield f"grey.{extension}", OPAQUE, f"{GREY} -depth 8 -quality 100"
    for extension, colors in (("bmp", 200), ("bmp", 16), ("tga", 100), ("sun", 99), ("ico", 16)):
        yield f"palette{colors}.{extension}", OPAQUE, f"-type Palette -colors {colors}"
    for extension in ("bmp", "sun", "pbm", "psd"):
        yield f"mono.{extension}", OPAQUE, "-monochrome"
    for extension in ("tga", "sgi", "bmp"):
        colors = "-type Palette -colors 200" if extension == "bmp" else ""
        yield f"rle.{extension}", OPAQUE, f"-depth 8 -compress RLE {colors}"
    for extension, options in (("sgi", ""), ("ppm", ""), ("psd", ""), ("pgm", ""), ("jp2", "-quality 100")):
        yield f"16bit.{extension}", OPAQUE, f"-depth 16 {options}"
    for name, options in {
        "plain.ppm": "-depth 8",
        "plain16.ppm": "-depth 16",
        "plain.pgm": "",
        "plain.pbm": "",
    }.items():
        yield name, OPAQUE, f"-compress none {options}"
    yield from (("565.bmp", OPAQUE, "-define bmp:subtype=RGB565"), ("555.bmp", OPAQUE, "-define bmp:subtype=RGB555"))
    yield from (("alpha.pam", CLEAR, "-depth 16"), ("12bit.jp2", OPAQUE, "-depth 12 -quality 100"))
    yield from (("msb.pfm", OPAQUE, "-endian MSB"), ("cmyk.psd", OPAQUE, "-colorspace CMYK -depth 8"))
    for kind, source in (("dxt1", OPAQUE), ("dxt5", CLEAR), ("none", CLEAR)):
        yield f"{kind}.dds", source, f"-define dds:compression={kind}"


def tiffs():
    """Yield the variants of TIFF, as `variants` does."""
    for compression in ("None", "LZW", "Zip", "RLE", "LZMA", "ZSTD"):
        for name, options in {
            "8": "-depth 8",
            "16": "-depth 16",
            "16-planes": "-depth 16 -interlace plane",
            "16-msb": "-depth 16 -define tiff:endian=msb",
            "16-tiles": "-depth 16 -define tiff:tile-geometry=16x32",
            "float": "-depth 32 -define quantum:format=floating-point",
            "bits-reversed": "-depth 8 -define tiff:fill-order=lsb",
        }.items():
            yield f"{compression}-{name}.tif", OPAQUE, f"{options} -compress {compression}"
    for alpha in ("associated", "unassociated", "unspecified"):
        for name, depth in (("alpha8", "8"), ("alpha16", "16"), ("float", "32 -define quantum:format=floating-point")):
            yield f"{name}-{alpha}.tif", CLEAR, f"-depth {depth} -define tiff:alpha={alpha}"
    for name, options in {
        "jpeg": "-depth 8 -compress JPEG -quality 95",
        "half": "-depth 16 -define quantum:format=floating-point",
        "double": "-depth 64 -define quantum:format=floating-point",
        "32": "-depth 32",
        "12": "-depth 12 -compress None",
        "4": "-depth 4 -compress None",
        "fax3": "-monochrome -compress Fax",
        "fax4": "-monochrome -compress Group4",
        "white-is-zero16": f"{GREY} -depth 16 -define quantum:polarity=min-is-white",
        "white-is-zero1": "-monochrome -compress None -define quantum:polarity=min-is-white",
        "palette": "-type Palette -colors 50",
        "palette4": "-type Palette -colors 12 -depth 4",
        "cmyk8": "-colorspace CMYK -depth 8",
        "cmyk16": "-colorspace CMYK -depth 16",
        "lab8": "-colorspace Lab -depth 8",
        "lab16": "-colorspace Lab -depth 16",
        "ycbcr": "-colorspace YCbCr -depth 8 -compress None",
        "rows": "-define tiff:rows-per-strip=7 -compress LZW -depth 16",
        "turned": "-orient LeftBottom",
    }.items():
        yield f"{name}.tif", OPAQUE, options
    yield "grey-alpha16.tif", CLEAR, f"{GREY} -depth 16"


def write_sources():
    """Write a picture of 16 bits, and the same with a gradient of opacity, to the current directory."""
    y, x = np.mgrid[:45, :64]
    noise = np.random.default_rng(0).normal(0, 8, (45, 64, 3))
    levels = np.clip((np.stack([x * 4, y * 5, (x * 3 + y * 2) % 256], axis=2) + noise) * 257, 0, 65535)
    with open(OPAQUE, "wb") as file:
        file.write(b"P6 64 45 65535\n" + levels.astype(">u2").tobytes())
    gradient = "( -size 64x45 gradient: ) -alpha off -compose CopyOpacity -composite"
    convert(OPAQUE, f"{gradient} -depth 16", CLEAR)


def convert(source, options, target):
    """Run ImageMagick; return what it writes to standard output."""
    command = ["convert", source, *options.split(), target]
    return subprocess.run(command, capture_output=True).stdout


def verdict(name):
    """(what to say about the file `name`, whether it is as expected)."""
    width, height = map(int, convert(f"{name}[0]", "-auto-orient -format %w,%h", "info:").decode().split(","))
    options = "-auto-orient -background white -alpha remove -colorspace sRGB -depth 16 -endian MSB"
    other = np.frombuffer(convert(f"{name}[0]", options, "rgb:-"), ">u2").reshape(height, width, 3) / 257
    try:
        image = read.image(name)
    except PictureError as error:
        return f"refused: {str(error).partition(': ')[2]}", True
    if image.shape != other.shape:
        return f"{image.shape} for {other.shape}", False
    difference = np.abs(image - other)
    return (
        f"mean {difference.mean():.2f}, most {difference.max():.1f}",
        difference.mean() <= 1 and difference.max() <= 12,
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="list every file")
    options, count, wrong = parser.parse_args(arguments), 0, 0
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        write_sources()
        for name, source, how in variants():
            convert(source, how, f"{how[-5:] + ':' if 'png:format' in how else ''}{name}")
            if not os.path.exists(name):
                continue
            text, is_right = verdict(name)
            count += 1
            wrong += not is_right and name not in NOTES
            if options.all or not is_right or text.startswith("refused"):
                print(f"{name:26} {text}{'; ' + NOTES[name] if name in NOTES and not is_right else ''}")
        os.chdir("/")
    print(f"{count} files, {wrong} wrong")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
