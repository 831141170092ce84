"""The public sets that caloforge knows by name: record, files, and their sizes and checksums where these are known.

MD5 sums are those that Zenodo states, as public programs that fetch these files have written them down; what is not
known here (None) is asked of Zenodo when a set is fetched.
"""

__all__ = ["PUBLIC_SETS", "PublicFile", "PublicSet", "public_set"]

import re
from dataclasses import dataclass

from caloforge.errors import BadValue, UnknownName

_RECORD = re.compile(r"zenodo:(\d{1,12})")


@dataclass(frozen=True)
class PublicFile:
    """A file of a record.

    Args:
        name: in the record.
        md5: checksum, None where Zenodo has to be asked.
        size: bytes, likewise.
    """

    name: str
    md5: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class PublicSet:
    """Files of one record on Zenodo.

    Args:
        name: of the set.
        about: what it is.
        record: number on Zenodo; None where caloforge does not know it.
        files: those of the set; empty for all of the record, whose names Zenodo has to be asked for.
        mesh: name of the mesh, for ``--binning``, where caloforge has it.
        source: paper or page that describes it.
    """

    name: str
    about: str
    record: int | None
    files: tuple[PublicFile, ...] = ()
    mesh: str | None = None
    source: str = ""


_CHALLENGE = "arXiv:2410.21611"

PUBLIC_SETS = {
    chosen.name: chosen
    for chosen in (
        PublicSet(
            "calochallenge-1-photons",
            "CaloChallenge dataset 1, photons in ATLAS, 368 cells",
            8099322,
            (
                PublicFile("dataset_1_photons_1.hdf5", "005d2adeda7db034b388112661265656"),
                PublicFile("dataset_1_photons_2.hdf5", "4767715ed56e99565fd9c67340661e70"),
            ),
            "calochallenge-1-photons",
            _CHALLENGE,
        ),
        PublicSet(
            "calochallenge-1-pions",
            "CaloChallenge dataset 1, charged pions in ATLAS, 533 cells",
            8099322,
            (
                PublicFile("dataset_1_pions_1.hdf5", "6a5f52722064a1bcd8a0bc002f16515d"),
                PublicFile("dataset_1_pions_2.hdf5", "fee7457b40127bc23c8ab909e2638ca0"),
            ),
            "calochallenge-1-pions",
            _CHALLENGE,
        ),
        PublicSet(
            "calochallenge-2",
            "CaloChallenge dataset 2, electrons in Si-W, 6480 cells",
            6366271,
            (
                PublicFile("dataset_2_1.hdf5", "e590333e9a2da51b258288d74bd8357a", 1_356_475_617),
                PublicFile("dataset_2_2.hdf5", "7a56fd68aa53ded37c2ac445694d9736", 1_366_708_391),
            ),
            "calochallenge-2",
            _CHALLENGE,
        ),
        PublicSet(
            "calochallenge-3",
            "CaloChallenge dataset 3, electrons in Si-W, 40500 cells",
            6366324,
            (
                PublicFile("dataset_3_1.hdf5", "d33f03418aa311b0965452fcbef1ff87"),
                PublicFile("dataset_3_2.hdf5", "911dec2c40aafa64a07b7450b80881bf"),
                PublicFile("dataset_3_3.hdf5", "5ea62f6831a1821bb5035fafc9f030e8"),
                PublicFile("dataset_3_4.hdf5", "5e8d82e6a6c28c6914a3b602a1cfa299"),
            ),
            "calochallenge-3",
            _CHALLENGE,
        ),
        PublicSet(
            "par04",
            "showers in the Si-W and scintillator-Pb calorimeters of Geant4's example Par04",
            6082201,
            source="doi:10.5281/zenodo.6082201",
        ),
        PublicSet(
            "lemurs",
            "LEMURS, photons at many angles in five calorimeters",
            None,
            source="arXiv:2509.05108",
        ),
    )
}


def public_set(name: str) -> PublicSet:
    """A set by its name, or any record: ``zenodo:NUMBER``.

    Args:
        name: of the set.

    Raises:
        UnknownName: neither.
        BadValue: a set whose record caloforge does not know.
    """
    if match := _RECORD.fullmatch(name):
        return PublicSet(name.replace(":", "-"), "a record", int(match[1]))
    if name not in PUBLIC_SETS:
        raise UnknownName("public set", name, PUBLIC_SETS, "`caloforge data list`, and zenodo:NUMBER for any record,")
    chosen = PUBLIC_SETS[name]
    if chosen.record is None:
        remedy = f"its record stands in {chosen.source}: give it as zenodo:NUMBER"
        raise BadValue("public set", name, remedy)
    return chosen
