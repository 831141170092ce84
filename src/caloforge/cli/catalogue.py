"""The commands by stage, each with its purpose and one example: what `caloforge --help` shows without importing any."""

__all__ = ["COMMANDS", "STAGES", "Entry"]

from typing import NamedTuple


class Entry(NamedTuple):
    """A command in the list.

    Args:
        purpose: the first sentence of its own help.
        example: a call of it, without ``caloforge``.
    """

    purpose: str
    example: str


# stage -> command A-NAME, which is the function, or the group of commands, a_name of the module caloforge.cli.a_name
STAGES: dict[str, dict[str, Entry]] = {
    "Start here": {
        "quickstart": Entry(
            "Simulate, train, generate and validate on real Geant4 showers; the report is OUTPUT/report.html.",
            "quickstart",
        ),
        "doctor": Entry(
            "Look whether this machine has what caloforge needs; each line is fine or says what to do.",
            "doctor",
        ),
        "course": Entry(
            "List the chapters of the hands-on course, or copy one into the current folder as a notebook.",
            "course 1",
        ),
        "check": Entry(
            "Mark an exercise of the course: run your notebook in a fresh process, and say what is wrong.",
            "check 1",
        ),
    },
    "Showers: simulate, convert, look": {
        "simulate": Entry(
            "Simulate showers with Geant4; called again after an interruption, it simulates what is missing.",
            "simulate --energy 1GeV:100GeV:log -n 1000 --workers 2 -o truth.h5",
        ),
        "submit": Entry(
            "Write the job array of a command for Slurm or HTCondor, with its merge; --resume submits what is missing.",
            "submit --system slurm --jobs 64 -- simulate --energy 50GeV -n 10000 -o truth.h5",
        ),
        "merge": Entry(
            "Merge the shards of a finished job array, or files of showers with one mesh and detector, into one file.",
            "merge a.h5 b.h5 -o all.h5",
        ),
        "convert": Entry(
            "Convert a file of showers; energies stay as they are, what the new file has no place for is said.",
            "convert photons.edm4hep.root photons.h5 --binning mesh.xml",
        ),
        "data": Entry(
            "Cut, merge, turn, order and fetch files of showers; every result is a new file.",
            "data merge-cells truth.h5 coarse.h5 --layers 3",
        ),
        "inspect": Entry(
            "Say what a file of showers or events holds (reads all of it), or what a detector is made of, and draw it.",
            "inspect truth.h5",
        ),
        "plot": Entry(
            "Draw what showers are like: response and resolution against energy, profiles along and across the axis.",
            "plot truth.h5 -o plots/",
        ),
        "show": Entry(
            "Show showers in their calorimeter, Geant4 beside a model: in the browser, or as one file with --export.",
            "show vae-siw-1080 --export page.html",
        ),
    },
    "Models: train, generate": {
        "train": Entry(
            "Train a generative model on the training split of a file of showers; under torchrun in several processes.",
            "train vae-siw-1080 --set data=truth.h5 -o runs/mine",
        ),
        "generate": Entry(
            "Generate showers with a trained model, or with an ensemble: shower i is of member i mod K.",
            "generate vae-siw-1080 --energy 50GeV -n 1000 -o fake.h5",
        ),
        "export": Entry(
            "Write a model as a graph for other software, compared with PyTorch in double precision.",
            "export vae-siw-1080 --target par04 -o bundle/",
        ),
        "serve": Entry(
            "Serve showers over HTTP: POST particles, get JSON or HDF5; requests of many clients share batches.",
            "serve vae-siw-1080 --port 8000",
        ),
        "models": Entry(
            "List trained models, those that come with caloforge and those that were fetched, and fetch others.",
            "models list",
        ),
        "push": Entry(
            "Hand on a model whole, with the hash of every file: to the Hugging Face Hub or to a folder.",
            "push runs/mine owner/mine",
        ),
        "pull": Entry(
            "Fetch a model that was pushed; it appears when all of it is there and every hash is right.",
            "pull owner/mine -o runs/mine",
        ),
        "cite": Entry(
            "Print how to cite caloforge, and a model by its name and the hash of its weights.",
            "cite vae-siw-1080",
        ),
        "advise": Entry(
            "List the models that fit a task with their measured figures; where none fits, say what to train.",
            "advise --task fidelity --detector par04-siw --particle e- --energy 50GeV",
        ),
        "card": Entry(
            "Write a model card: intended range, training data, metrics with floors, limits, licence, citation.",
            "card runs/mine --report report/report.json -o card.md",
        ),
    },
    "Is it good enough?": {
        "validate": Entry("Compare generated showers with Geant4.", "validate fake.h5 --truth truth.h5 -o report/"),
        "power": Entry(
            "Spoil copies of a truth in known ways, and count the showers that each metric needs to see it.",
            "power truth.h5 -o power/",
        ),
        "diagnose": Entry(
            "Test a trained model for lost modes, posterior collapse and copies of training showers.",
            "diagnose vae-siw-1080 --truth bundled -o diagnosis/",
        ),
        "extrapolation": Entry(
            "Compare a model with real showers at chosen energies, outside or inside the range of its training.",
            "extrapolation vae-siw-1080-physics --truth e150.h5 --energy 150GeV -o beside/",
        ),
        "amplification": Entry(
            "Say how many Geant4 showers a generated sample is worth, and if that is more than it was trained on.",
            "amplification fake.h5 --truth truth.h5 -o worth/",
        ),
        "benchmark": Entry(
            "Measure what a shower costs: model by engine, threads and batch, beside Geant4, Gflash and the limits.",
            "benchmark vae-siw-1080 --with geant4 -o bench/",
        ),
        "beta-sweep": Entry(
            "Train small copies of a run at several beta: rate, distortion, latents in use, and AUC of each.",
            "beta-sweep vae-siw-1080-latent --steps 300 -o sweep/",
        ),
    },
    "What a model says": {
        "score": Entry(
            "Likelihoods with their ranks, tail probabilities and credible intervals of observables, for each shower.",
            "score vae-siw-1080 truth.h5 -o scores.json",
        ),
        "expect": Entry(
            "E[T(shower) | incident particle] with its Monte-Carlo error and the error of the model.",
            "expect runs/ensemble --energy 50GeV --observable response",
        ),
        "coverage": Entry(
            "Coverage of the 68 and 95 % intervals of expectations on held-out showers, in range and outside.",
            "coverage runs/ensemble --truth truth.h5 -o coverage/",
        ),
        "reweight": Entry(
            "Weight generated showers by p(Geant4) / p(generated) of a classifier, or draw showers by such weights.",
            "reweight fake.h5 --truth truth.h5 -o weights.h5",
        ),
        "interpret": Entry(
            "Show what latents, energy and conditioning do in a trained model, and what a classifier sees.",
            "interpret vae-siw-1080-latent --truth bundled -o interpretation/",
        ),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for stage in STAGES.values() for name, entry in stage.items()}
