// Generation in the page: ONNX Runtime's WebAssembly and the graph of the bundle, loaded when they are first needed.
import * as ort from "onnxruntime-web/wasm";
import { normals } from "./noise";
import { bytesOf, unpacked, type Incident, type ModelFacts } from "./payload";

async function asset(name: string): Promise<Uint8Array> {
  const embedded = document.getElementById(`asset-${name}`);
  if (embedded) return new Uint8Array(await unpacked(bytesOf(embedded.textContent!.trim())));
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} cannot be fetched (${answer.status})`);
  return new Uint8Array(await unpacked(new Uint8Array(await answer.arrayBuffer())));
}

export class Model {
  private session: Promise<ort.InferenceSession> | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(readonly facts: ModelFacts) {}

  get loaded(): boolean {
    return this.session !== null;
  }

  private load(): Promise<ort.InferenceSession> {
    this.session ??= this.open().catch((error) => {
      this.session = null; // the next knob tries again
      throw error;
    });
    return this.session;
  }

  private async open(): Promise<ort.InferenceSession> {
    const [wasm, graph] = await Promise.all([asset("ort.wasm.gz"), asset("model.onnx.gz")]);
    ort.env.wasm.wasmBinary = wasm.buffer as ArrayBuffer;
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    return ort.InferenceSession.create(graph, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  }

  /** Noise of the shower of this number: what Python draws for the seed, latents replaced where they are set. */
  noise(seed: number, number: number, latents: Map<number, number>): Float32Array {
    const { stream, noise } = this.facts;
    const row = normals(seed, stream, noise, number + 1).slice(number * noise);
    latents.forEach((value, column) => (row[column] = value));
    return row;
  }

  /** Energies of the cells of each row of noise, MeV, all of one particle; null where nobody waits for them any more. */
  sample(incident: Incident, noise: Float32Array, wanted: () => boolean = () => true): Promise<Float32Array | null> {
    const run = async () => {
      const session = await this.load();
      if (!wanted()) return null;
      const n = noise.length / this.facts.noise;
      const row = (value: number) => new ort.Tensor("float32", new Float32Array(n).fill(value), [n]);
      const values: Record<string, ort.Tensor> = {
        noise: new ort.Tensor("float32", noise, [n, this.facts.noise]),
        energy: row(incident.energy),
        theta: row(incident.theta),
        phi: row(incident.phi),
        pdg: new ort.Tensor("int64", new BigInt64Array(n).fill(BigInt(incident.pdg)), [n]),
      };
      const feeds = Object.fromEntries(this.facts.inputs.map((name) => [name, values[name]]));
      const answer = await session.run(feeds);
      const energy = (answer[this.facts.output].data as Float32Array).slice();
      if (!energy.every(Number.isFinite)) throw new Error("it gives energies that are no numbers");
      return energy;
    };
    const turn = this.turn.then(run, run); // a session answers one call at a time
    this.turn = turn;
    return turn;
  }

  /** As `sample`, of many showers, a few at a time, so that the memory of a large mesh stays small. */
  async each(incident: Incident, seed: number, n: number, use: (energy: Float32Array) => void): Promise<void> {
    const { stream, noise } = this.facts;
    const rows = normals(seed, stream, noise, n);
    for (let at = 0; at < n; at += 25) {
      const part = rows.slice(at * noise, Math.min(n, at + 25) * noise);
      const cells = (await this.sample(incident, part))!;
      const width = cells.length / (part.length / noise);
      for (let start = 0; start < cells.length; start += width) use(cells.subarray(start, start + width));
    }
  }
}
