"""DICOM files made here, one value at a time."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray


def dicom(
    path: Path,
    stored: NDArray[Any],
    kind: str = "MONOCHROME2",
    patient: str = "P1",
    bits: int = 12,
    syntax: str = "1.2.840.10008.1.2.1",
    frames: int = 1,
    **more: Any,
) -> Path:
    """Write stored values (H, W), (frames, H, W) or (H, W, 3) as a DICOM file with these further elements."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1")
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = generate_uid(), UID(syntax)
    held = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    wide = stored.dtype.itemsize * 8
    held.Rows, held.Columns = stored.shape[-2:] if kind != "RGB" else stored.shape[:2]
    held.SamplesPerPixel, held.PhotometricInterpretation = (3 if kind == "RGB" else 1), kind
    if kind == "RGB":
        held.PlanarConfiguration = 0
    held.BitsAllocated, held.BitsStored, held.HighBit = wide, min(bits, wide), min(bits, wide) - 1
    held.PixelRepresentation = int(stored.dtype.kind == "i")
    held.SOPClassUID, held.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    held.PatientID, held.PatientName, held.Modality = patient, "Muster^Erika", "CR"
    if frames > 1:
        held.NumberOfFrames = frames
    for name, value in more.items():
        setattr(held, name, value)
    held.PixelData = stored.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    held.save_as(path, enforce_file_format=True)
    return path
