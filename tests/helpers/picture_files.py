"""Picture files: written byte by byte where Pillow cannot write them, and damaged ones."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms


def texture(height=24, width=32):
    """A picture with flat, smooth and noisy areas: uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).integers(0, 60, (height, width))
    return np.stack([x * 255 // width, np.where(y > height // 2, 200, noise), (x + y) * 3 % 256], axis=2).astype(
        np.uint8
    )


def encoded(picture, kind, **options):
    """A Pillow picture, or a uint8 array, as the bytes of a file in one of Pillow's formats."""
    buffer = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png(width, height, depth, color_type, rows, *chunks):
    """The bytes of a PNG. rows: the bytes of each row; chunks: pairs of type and data, between IHDR and IDAT."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def tiff(order, width, height, photometric, bits, data, *, extra=None, sample_format=1, strip_rows=None):
    """The bytes of an uncompressed TIFF.

    order: "<" or ">". bits: of each sample. extra: the kind of alpha channel, 1 premultiplied, 2 not; None without one.
    """
    tags = {256: [width], 257: [height], 258: bits, 259: [1], 262: [photometric], 273: [0], 277: [len(bits)]}
    tags |= {278: [strip_rows or height], 279: [len(data)], 339: [sample_format] * len(bits)}
    tags |= {} if extra is None else {338: [extra]}
    directory = 8 + 2 + 12 * len(tags) + 4
    values = b""
    entries = b""
    data_at = directory + sum(2 * len(tag) for tag in tags.values() if len(tag) > 2)
    tags[273] = [data_at]
    for number, tag in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(tag)}H", *tag)
        if len(packed) > 4:
            packed, values = struct.pack(f"{order}I", directory + len(values)), values + packed
        entries += struct.pack(f"{order}HHI", number, 3, len(tag)) + packed.ljust(4, b"\0")
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return start + struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0" + values + data


def srgb_profile():
    """sRGB without its creation time: always the same bytes."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def swapped_profile():
    """sRGB with the primaries of red and blue exchanged: (r, g, b) in it is (b, g, r) in sRGB."""
    profile = bytearray(srgb_profile())
    red, blue = profile.index(b"rXYZ", 128), profile.index(b"bXYZ", 128)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def grey_profile(name=b"", white=1.0):
    """Grey of a printer, linear in light. white: the brightness of its paper, which LittleCMS ignores for displays."""
    description = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name + bytes(79)
    return _profile(b"prtr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + bytes(8), b"desc": description}, white)


def ink_profile():
    """CMYK of a printer whose only visible ink is black."""
    lightness = [255 * (1 - (corner & 1)) for corner in range(16)]  # black varies fastest
    identity = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table += identity * 4 + bytes(value for light in lightness for value in (light, 128, 128)) + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(device, colors, connection, tags, brightness=1.0):
    """The bytes of an ICC profile, version 2.1."""
    d50 = (63190, 65536, 54061)
    white = struct.pack(">iii", *d50)
    paper = struct.pack(">iii", *(round(brightness * value) for value in d50))
    tags = {b"wtpt": b"XYZ " + bytes(4) + paper, **tags}
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    header = struct.pack(">II", start + len(data), 0) + struct.pack(">I", 0x02100000) + device + colors + connection
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + data


def mangled_files():
    """Damaged pictures and files that are not pictures, always the same: [(name, bytes)].

    A reader must return a picture or refuse the file, nothing else.
    """
    result = [*_odd_files(), *_damaged_metadata()]
    for name, data in _sound_files():
        stem, extension = name.split(".")
        for length in (10, len(data) // 4, len(data) // 2, len(data) * 9 // 10, len(data) - 1):
            result.append((f"{stem}-{length}-bytes.{extension}", data[:length]))
        for seed in range(6):
            result.append((f"{stem}-flipped-{seed}.{extension}", _flipped(data, seed)))
    return result


def _sound_files():
    picture = Image.fromarray(texture())
    yield "png.png", encoded(picture, "PNG")
    yield "palette.png", encoded(picture.quantize(16), "PNG")
    yield "jpeg.jpg", encoded(picture, "JPEG")
    yield "progressive.jpg", encoded(picture, "JPEG", progressive=True)
    yield "gif.gif", encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(180)])
    yield "webp.webp", encoded(picture, "WEBP")
    yield "bmp.bmp", encoded(picture, "BMP")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield f"tiff-{compression}.tif", encoded(picture, "TIFF", compression=compression)
    yield "fax.tif", encoded(picture.convert("1"), "TIFF", compression="group4")


def _flipped(data, seed):
    """`data` with four bytes changed, two of them in the first hundred."""
    random = np.random.default_rng(seed)
    damaged = bytearray(data)
    for place in (*random.integers(0, 100, 2), *random.integers(0, len(data), 2)):
        damaged[place % len(data)] ^= int(random.integers(1, 256))
    return bytes(damaged)


def _odd_files():
    row = bytes(3 * 4)
    yield "empty.png", b""
    yield "byte.jpg", b"\xff"
    yield "zeros.bmp", bytes(1000)
    yield "noise.tga", np.random.default_rng(0).bytes(1000)
    yield "text.png", b"This is no picture.\n" * 20
    yield "page.jpg", b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>\n"
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
    yield "postscript.eps", POSTSCRIPT
    yield "matlab.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\1IM" + bytes(100)
    yield "truly-a-png.jpg", encoded(texture(), "PNG")
    yield "bomb.png", png(30000, 30000, 8, 2, [row])
    yield "nothing.png", png(0, 0, 8, 2, [])
    yield "flat.png", png(4, 0, 8, 2, [])
    yield "short.png", png(4, 4, 8, 2, [row])
    yield "depth.png", png(4, 1, 3, 2, [row])
    yield "key.png", png(4, 1, 8, 2, [row], (b"tRNS", b"\0"))
    yield "no-palette.png", png(4, 1, 8, 3, [bytes(4)])
    yield "no-data.gif", b"GIF89a\4\0\4\0\x80\0\0" + bytes(6) + b";"
    yield "no-image.bmp", b"BM" + struct.pack("<IIIIiiHH", 54, 0, 54, 40, -5, -5, 1, 24) + bytes(24)
    yield "not-a-number.tif", tiff("<", 2, 1, 1, [32], struct.pack("<2f", 0, np.nan), sample_format=3)
    yield "infinite.tif", tiff("<", 2, 1, 1, [32], struct.pack("<2f", 0, np.inf), sample_format=3)
    yield "uncovered.tif", UNCOVERED
    yield "strange.tif", tiff("<", 2, 1, 1, [7] * 9, bytes(99))


def _damaged_metadata():
    picture = Image.fromarray(texture())
    yield "profile.jpg", encoded(picture, "JPEG", icc_profile=b"no profile at all")
    yield "half-profile.png", encoded(picture, "PNG", icc_profile=swapped_profile()[:300])
    yield "ink-profile.png", encoded(picture, "PNG", icc_profile=ink_profile())
    yield "exif.jpg", encoded(picture, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    yield "exif.webp", encoded(picture, "WEBP", exif=b"garbage")
    yield "xmp.png", png(4, 1, 8, 2, [bytes(12)], (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation>7<"))


# 100 x 100 pixels, of which its only strip holds one row.
UNCOVERED = tiff("<", 100, 100, 1, [8], bytes(100), strip_rows=1)
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
