"""Takes a trained classifier to PyTorch and back, and compares the probabilities on both ways."""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch

import safetensors

ACTIVATIONS = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "gelu-tanh": lambda: torch.nn.GELU("tanh"),
               "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid, "silu": torch.nn.SiLU}
# A probability is some hundred roundings of Float from its features, in another order on either side.
TOLERANCE = 1e-5


def metadata(path: pathlib.Path) -> dict[str, str]:
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length))["__metadata__"]


def write(path: pathlib.Path, tensors: dict[str, np.ndarray], text: dict[str, str]) -> None:
    header, end = {"__metadata__": text}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [end, end + values.nbytes]}
        end += values.nbytes
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(v.astype("<f4").tobytes() for v in tensors.values()))


def network(layers: list[dict]) -> torch.nn.Sequential:
    def layer(kind: dict) -> torch.nn.Module:
        ((name, options),) = kind.items()
        match name:
            case "linear":
                return torch.nn.Linear(options["inputs"], options["outputs"])
            case "activation":
                return ACTIVATIONS[options["_0"]]()
            case "dropout":
                return torch.nn.Dropout(options["probability"])
            case "layerNorm":
                return torch.nn.LayerNorm(options["features"], options["epsilon"])
        raise ValueError(f"layer {name}; expected one that the engine writes")
    return torch.nn.Sequential(*(layer(kind) for kind in layers)).eval()


def main() -> None:
    program, failures = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        generator = np.random.default_rng(0)
        rows = generator.normal(size=(500, 6)).astype(np.float32) * 10 + 3
        np.save(folder / "rows.npy", rows)
        np.save(folder / "labels.npy", (rows[:, 0] * rows[:, 1] > 9).astype(np.int64) + (rows[:, 2] > 10))

        def run(*arguments: str) -> None:
            subprocess.run([program, *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL)

        for activation in ACTIVATIONS:
            run("train", "rows.npy", "--labels", "labels.npy", "--model", "m.safetensors", "--hidden", "32,16", "--dropout",
                "0.1", "--epochs", "3", "--activation", activation, "--quiet")
            run("calibrate", "m.safetensors", "rows.npy", "--labels", "labels.npy")
            text = metadata(folder / "m.safetensors")
            about = json.loads(text["surprisal"])
            model = network(about["layers"])
            # Strict: every key of the one is a key of the other.
            state = {key: torch.from_numpy(value.copy()) for key, value in safetensors.read(folder / "m.safetensors").items()}
            model.load_state_dict(state, strict=True)

            def compare(way: str) -> int:
                run("predict", "m.safetensors", "rows.npy", "--output", "p.npy")
                found = np.load(folder / "p.npy")
                standard = (rows - np.array(about["mean"])) / np.array(about["deviation"])
                with torch.no_grad():
                    logits = model(torch.from_numpy(standard.astype(np.float32))) / about["temperature"]
                    expected = torch.softmax(logits.double(), 1).numpy()
                worst = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
                print(f"{activation}, {way}: largest difference of a probability {worst:.1e}")
                return not worst <= TOLERANCE
            failures += compare("to PyTorch")
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(1.25).add_(0.01)
            write(folder / "m.safetensors", {k: v.numpy() for k, v in model.state_dict().items()}, text)
            failures += compare("from PyTorch")
    if failures:
        sys.exit(f"{failures} of {2 * len(ACTIVATIONS)} differ by more than {TOLERANCE}")
    print(f"{2 * len(ACTIVATIONS)} comparisons, 0 different")


if __name__ == "__main__":
    main()
