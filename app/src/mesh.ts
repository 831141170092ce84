// Cells in space: rings and sectors of layers, or volumes wherever they lie, in the flat order of the showers.
import { bytesOf, unpacked, type MeshFacts } from "./payload";

/** Where cells lie: six numbers each, (r0, r1, alpha0, alpha1, z0, z1) of rings, (x0, x1, y0, y1, z0, z1) of volumes; mm and rad. */
export class Mesh {
  readonly layerOf: Uint16Array;
  readonly r: Float32Array;
  readonly size: number;
  readonly reach: number;
  readonly depth: [number, number];

  private constructor(
    readonly facts: MeshFacts,
    readonly spans: Float32Array,
    counts: number[],
  ) {
    this.size = spans.length / 6;
    this.layerOf = new Uint16Array(this.size);
    let at = 0;
    counts.forEach((count, layer) => {
      this.layerOf.fill(layer, at, at + count);
      at += count;
    });
    this.r = new Float32Array(this.size);
    let reach = 0;
    for (let i = 0; i < this.size; i++) {
      const [a, b, c, d] = spans.subarray(6 * i, 6 * i + 4);
      this.r[i] = this.boxes ? Math.hypot((a + b) / 2, (c + d) / 2) : (a + b) / 2;
      reach = Math.max(reach, this.boxes ? Math.hypot(Math.max(-a, b), Math.max(-c, d)) : b);
    }
    this.reach = reach;
    const layers = facts.layers;
    this.depth = [Math.min(...layers.map((l) => l.z[0])), Math.max(...layers.map((l) => l.z[1]))];
  }

  static async of(facts: MeshFacts): Promise<Mesh> {
    if (facts.kind === "volumes") {
      const spans = new Float32Array(await unpacked(bytesOf(facts.cells)));
      return new Mesh(facts, spans, facts.layers.map((layer) => layer.count));
    }
    const counts = facts.layers.map((layer) => layer.n * (layer.r.length - 1));
    const spans = new Float32Array(6 * counts.reduce((a, b) => a + b, 0));
    let at = 0;
    for (const { n, r, z } of facts.layers)
      for (let sector = 0; sector < n; sector++)
        for (let ring = 0; ring + 1 < r.length; ring++, at += 6) {
          const turn = (2 * Math.PI) / n;
          spans.set([r[ring], r[ring + 1], -Math.PI + sector * turn, -Math.PI + (sector + 1) * turn, z[0], z[1]], at);
        }
    return new Mesh(facts, spans, counts);
  }

  get boxes(): boolean {
    return this.facts.kind === "volumes";
  }

  get layers(): number {
    return this.facts.layers.length;
  }

  /** Fewest sectors of any layer: a ring of one sector needs many straight pieces to look round. */
  get fewestSectors(): number {
    return this.facts.kind === "volumes" ? 64 : Math.min(...this.facts.layers.map((layer) => layer.n));
  }

  /** Layer, place and angle of a cell in words. */
  words(cell: number): string {
    const layer = this.facts.layers[this.layerOf[cell]];
    const [a, b, c, d, z0, z1] = this.spans.subarray(6 * cell, 6 * cell + 6);
    const depth = this.facts.depthKnown ? `, depth ${mm(z0)} to ${mm(z1)} mm` : "";
    if (this.boxes) {
      const alpha = Math.atan2((c + d) / 2, (a + b) / 2);
      return `layer ${layer.id}, x ${mm((a + b) / 2)}, y ${mm((c + d) / 2)} mm, r ${mm(this.r[cell])} mm, alpha ${degrees(alpha)}${depth}`;
    }
    const sector = d - c > 6.28 ? "the whole turn" : `${degrees(c)} to ${degrees(d)}`;
    return `layer ${layer.id}, r ${mm(a)} to ${mm(b)} mm, alpha ${sector}${depth}`;
  }

  /** Middle of a cell in x, y, z, mm. */
  centre(cell: number): [number, number, number] {
    const [a, b, c, d, z0, z1] = this.spans.subarray(6 * cell, 6 * cell + 6);
    if (this.boxes) return [(a + b) / 2, (c + d) / 2, (z0 + z1) / 2];
    const r = d - c > 6.28 ? 0 : (a + b) / 2;
    return [r * Math.cos((c + d) / 2), r * Math.sin((c + d) / 2), (z0 + z1) / 2];
  }
}

const mm = (value: number) => String(Number(value.toPrecision(4)));
const degrees = (angle: number) => `${((angle * 180) / Math.PI).toFixed(1)}°`;
