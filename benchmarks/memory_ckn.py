"""Peak memory of fit and transform on 60,000 MNIST images, beyond the process that holds the images (Linux).

python benchmarks/memory_ckn.py
"""

import json
import resource
from pathlib import Path

from kernelconv import ConvKernelNetwork, load_mnist
from kernelconv._files import write_atomically

OUT = Path(__file__).parent / "results/memory-ckn.json"
NETWORK = {"n_anchors": (64, 256), "patch_size": 3, "subsampling": (2, 4)}


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


def resident_mib():
    """Return what the process holds now: loading the images may have peaked higher."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


def main():
    images = load_mnist()[0]
    before = resident_mib()
    ckn = ConvKernelNetwork(**NETWORK, random_state=0).fit(images)
    fitted = peak_mib()
    features = ckn.transform(images)
    output = features.nbytes / 2**20
    record = {
        "images": len(images),
        "network": NETWORK,
        "output_mib": round(output),
        "images_and_library_mib": round(before),
        "fit_mib": round(fitted - before),
        "fit_and_transform_beyond_output_mib": round(peak_mib() - before - output),
    }
    print(record)
    write_atomically(OUT, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
