// Profiles of one shower along and across the axis, as shares of an energy.
import type { Mesh } from "./mesh";

export interface Shapes {
  longitudinal: number[];
  lateral: number[];
}

/** Sums over layers and over rings whose edges are given; what lies farther out counts to the last ring. */
export class Profiler {
  private readonly ring: Uint8Array;

  constructor(
    private readonly mesh: Mesh,
    private readonly edges: number[],
  ) {
    const last = edges.length - 2;
    this.ring = Uint8Array.from(mesh.r, (r) => {
      let ring = 0;
      while (ring < last && r >= edges[ring + 1]) ring++;
      return ring;
    });
  }

  shapes(energy: Float32Array, scale: number): Shapes {
    const longitudinal = new Array<number>(this.mesh.layers).fill(0);
    const lateral = new Array<number>(this.edges.length - 1).fill(0);
    for (let cell = 0; cell < energy.length; cell++) {
      const share = energy[cell] / scale;
      longitudinal[this.mesh.layerOf[cell]] += share;
      lateral[this.ring[cell]] += share;
    }
    return { longitudinal, lateral };
  }
}
