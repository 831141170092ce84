// What Python puts into the page: the mesh, packed showers, profiles of Geant4, and what is known of the model.

export interface RingLayer {
  id: number;
  z: [number, number];
  r: number[];
  n: number;
}

export interface VolumeLayer {
  id: number;
  z: [number, number];
  count: number;
}

export type MeshFacts = { name: string; depthKnown: boolean } & (
  | { kind: "rings"; layers: RingLayer[] }
  | { kind: "volumes"; layers: VolumeLayer[]; cells: string }
);

export interface Incident {
  energy: number;
  pdg: number;
  theta: number;
  phi: number;
}

export interface PackedShowers {
  label: string;
  energy: number[];
  pdg: number[];
  theta: number[];
  phi: number[];
  counts: number[];
  cells: string;
  values: string;
}

export interface Band {
  mean: number[];
  low: number[];
  high: number[];
}

export interface ProfileBin {
  pdg: number;
  low: number;
  high: number;
  showers: number;
  longitudinal: Band;
  lateral: Band;
}

export interface Remarkable {
  button: string;
  number: number;
  words: string;
}

export interface ModelFacts {
  name: string;
  noise: number;
  stream: number;
  seed: number;
  particles: number[];
  energy: [number, number];
  theta: [number, number];
  phi: [number, number];
  thetaVaries: boolean;
  phiVaries: boolean;
  inputs: string[];
  output: string;
  latents: { names: string[]; first: number };
  sizes: { wasm: number; graph: number };
}

export interface Payload {
  title: string;
  version: string;
  detector: string;
  frame: "axis" | "detector";
  truth: string; // what the showers of the file are called: Geant4 where they are known to be
  mesh: MeshFacts;
  names: Record<string, string>;
  full: PackedShowers | null;
  fast: PackedShowers | null;
  rings: number[];
  profiles: ProfileBin[];
  remarkable: Remarkable[];
  model: ModelFacts | null;
  noModel: string;
}

export interface Shower {
  incident: Incident;
  energy: Float32Array; // of every cell, MeV
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export async function unpacked(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Showers of one sample, unpacked once, each laid out on all cells when it is asked for. */
export class Sample {
  readonly starts: number[] = [0];

  private constructor(
    readonly packed: PackedShowers,
    private readonly cells: Uint32Array,
    private readonly values: Float32Array,
    private readonly size: number,
  ) {
    for (const count of packed.counts) this.starts.push(this.starts[this.starts.length - 1] + count);
  }

  static async of(packed: PackedShowers, size: number): Promise<Sample> {
    const [cells, values] = await Promise.all([packed.cells, packed.values].map((text) => unpacked(bytesOf(text))));
    return new Sample(packed, new Uint32Array(cells), new Float32Array(values), size);
  }

  get length(): number {
    return this.packed.counts.length;
  }

  get largest(): number {
    return this.values.reduce((a, b) => Math.max(a, b), 0);
  }

  incident(i: number): Incident {
    const { energy, pdg, theta, phi } = this.packed;
    return { energy: energy[i], pdg: pdg[i], theta: theta[i], phi: phi[i] };
  }

  shower(i: number): Shower {
    const energy = new Float32Array(this.size);
    for (let at = this.starts[i]; at < this.starts[i + 1]; at++) energy[this.cells[at]] = this.values[at];
    return { incident: this.incident(i), energy };
  }

  /** The shower whose particle is nearest: the same kind first, then by the logarithm of the energy and the direction. */
  nearest(wanted: Incident): number {
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < this.length; i++) {
      const here = this.incident(i);
      const turn = Math.sin(here.theta) * Math.sin(wanted.theta) * (1 - Math.cos(here.phi - wanted.phi));
      const distance =
        (here.pdg === wanted.pdg ? 0 : 1e6) +
        Math.abs(Math.log(here.energy / wanted.energy)) +
        Math.abs(here.theta - wanted.theta) +
        turn;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }
}
