"""Variants: what is special about a file in a known format, or in a format that this program does not read."""

import struct

from brushwork.pictures.raster import TimedFile

REMEDY = "save it with 8 bits, or as PNG"
_PSD_MODES = {0: "bitmap", 1: "grey", 2: "indexed", 3: "RGB", 4: "CMYK", 7: "multichannel", 8: "duotone", 9: "Lab"}
_JPEG_KINDS = {0xC3: "lossless", 0xC7: "lossless", 0xCB: "lossless", 0xCF: "lossless", 0xF7: "JPEG-LS"}
_JPEG_KINDS |= dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical")
_OTHERS = {  # the first bytes of formats that are not read
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"II\xbc": "a JPEG XR picture",
    b"SIMPLE  =": "a FITS picture",
    b"SDPX": "a DPX picture",
    b"XPDS": "a DPX picture",
    b"\x80\x2a\x5f\xd7": "a Cineon picture",
    b"AT&TFORM": "a DjVu document",
    b"FLIF": "a FLIF picture",
    b"BPG\xfb": "a BPG picture",
    b"/* XPM */": "an XPM picture",
    b"\x0a\x05\x01": "a PCX picture",
    b"\x0a\x03\x01": "a PCX picture",
    b"\xb1\x68\xde\x3a": "a DCX picture",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile",
    b"farbfeld": "a farbfeld picture",
    b"\xabKTX ": "a KTX texture",
    b"VTF\0": "a VTF texture",
    b"BLP": "a BLP texture",
    b"\x8aMNG": "an MNG animation",
    b"\x8bJNG": "a JNG picture",
    b"FORM": "an IFF picture",
    b"Rar!": "an archive",
    b"7z\xbc\xaf": "an archive",
    b"\x1f\x8b": "a compressed file",
    b"BZh": "a compressed file",
    b"\xfd7zXZ": "a compressed file",
    b"#define ": "an XBM picture",
    b"id=ImageMagick": "a MIFF picture",
    b"\x97JB2": "a JBIG2 picture",
    b"GIMP": "a GIMP brush or pattern",
    b"PIXAR": "a PIXAR picture",
    b"\x80\xe8": "a PIXAR picture",
}


def describe(file: TimedFile) -> str | None:
    """Say what a file is that no reader accepts, with the remedy; None if it is in no known format."""
    file.seek(0)
    head = file.read(256)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(file)
    if head.startswith(b"8BPS") and len(head) >= 26:
        channels, _, _, depth, mode = struct.unpack_from(">HIIHH", head, 12)
        name = _PSD_MODES.get(mode, f"mode {mode}")
        return f"it is a Photoshop document in {name} with {depth} bits in {channels} channels; {REMEDY}"
    if head.startswith(b"BM") and len(head) >= 34:
        bits, compression = struct.unpack_from("<HI", head, 28)
        return f"it is a BMP of {bits} bits in compression {compression}, which cannot be read; save it as PNG"
    if head.startswith(b"DDS "):
        return f"it is a DDS texture in a pixel format that cannot be read; {REMEDY}"
    if head[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"):
        return f"it is a damaged Netpbm picture, or one of a kind that cannot be read; {REMEDY}"
    if head.startswith((b"RIFF", b"\x89PNG")):
        return "it is a damaged picture; save it again, or copy it in binary mode"
    if head[40:44] == b" EMF":
        return "it is a Windows metafile; save it as PNG or JPEG"
    if head[128:132] == b"DICM":
        return "it is a DICOM picture; save it as PNG or JPEG"
    name = next((name for start, name in _OTHERS.items() if head.startswith(start)), None)
    remedy = "unpack it and give the picture in it" if name in ("an archive", "a compressed file") else None
    return f"it is {name}; {remedy or 'save it as PNG or JPEG'}" if name else None


def _jpeg(file):
    """What the frame header of a JPEG says: ITU-T T.81, B.2.2; None if it is an ordinary one."""
    file.seek(2)
    while len(marker := file.read(2)) == 2 and marker[0] == 0xFF:
        if marker[1] == 0xFF:  # padding
            file.seek(-1, 1)
            continue
        length = file.read(2)
        if len(length) < 2:
            return None
        if (0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC)) or marker[1] == 0xF7:
            bits = (file.read(1) or b"\0")[0]
            kind = " ".join(filter(None, (_JPEG_KINDS.get(marker[1]), f"{bits} bits")))
            is_ordinary = bits == 8 and marker[1] not in _JPEG_KINDS
            return None if is_ordinary else f"it is a JPEG of a kind that cannot be read ({kind}); {REMEDY}"
        file.seek(struct.unpack(">H", length)[0] - 2, 1)
    return None
