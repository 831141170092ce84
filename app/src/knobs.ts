// The knobs of the model: what they offer, and what they say when they are moved.
import { $, degrees, energyWords, field } from "./dom";
import type { Incident, ModelFacts } from "./payload";

export interface Moves {
  ask(change: Partial<Incident>): void;
  seed(seed: number): void;
  latent(column: number, value: number): void;
  latentsBack(): void;
  hundred(): void;
  follow(): void;
}

/** The nearest seed that the page's noise has: whole, from 0 to 2^32 - 1. */
export const legalSeed = (seed: number) => Math.min(2 ** 32 - 1, Math.max(0, Math.round(seed) || 0));

export class Knobs {
  constructor(
    private readonly model: ModelFacts,
    name: (pdg: number) => string,
    hasTruth: boolean,
    private readonly moves: Moves,
  ) {
    $("knobs").hidden = false;
    $("knobs-title").textContent = `The model ${model.name}`;
    for (const pdg of model.particles) $("particle").append(new Option(name(pdg), String(pdg)));
    $("particle-label").hidden = model.particles.length < 2;
    $("theta-label").hidden = !model.thetaVaries;
    $("phi-label").hidden = !model.phiVaries;
    $("follow").hidden = !hasTruth;
    for (const angle of ["theta", "phi"] as const) {
      const [low, high] = model[angle].map((value) => (value * 180) / Math.PI);
      Object.assign(field(angle), { min: String(low), max: String(high) });
      field(angle).addEventListener("input", () => moves.ask({ [angle]: (Number(field(angle).value) * Math.PI) / 180 }));
    }
    this.listen();
    this.latents();
    this.status("");
  }

  private listen(): void {
    const on = (id: string, what: string, act: () => void) => $(id).addEventListener(what, act);
    const [low, high] = this.model.energy;
    on("particle", "change", () => this.moves.ask({ pdg: Number(field("particle").value) }));
    on("energy", "input", () => this.moves.ask({ energy: low * (high / low) ** Number(field("energy").value) }));
    on("energy-gev", "change", () => {
      const energy = 1000 * Number(field("energy-gev").value);
      this.moves.ask({ energy: Math.min(high, Math.max(low, energy || low)) });
      if (!(energy >= low && energy <= high)) this.status(`The model was trained on ${energyWords(low)} to ${energyWords(high)}.`);
    });
    on("seed", "change", () => this.moves.seed(legalSeed(Number(field("seed").value))));
    on("hundred", "click", () => this.moves.hundred());
    on("follow", "click", () => this.moves.follow());
    on("latents-back", "click", () => this.moves.latentsBack());
  }

  private latents(): void {
    const { names, first } = this.model.latents;
    $("latents").hidden = !names.length;
    names.forEach((name, i) => {
      const label = document.createElement("label");
      label.innerHTML = `<span></span><input type="range" min="-4" max="4" step="0.05"><output></output>`;
      label.querySelector("span")!.textContent = name;
      const input = label.querySelector("input")!;
      input.dataset.column = String(first + i);
      input.addEventListener("input", () => this.moves.latent(first + i, Number(input.value)));
      $("latent-knobs").append(label);
    });
  }

  get latentsOpen(): boolean {
    return $<HTMLDetailsElement>("latents").open;
  }

  /** What the model does, or what the first move will load. */
  status(words: string, loaded = false): void {
    const { wasm, graph } = this.model.sizes;
    const load = `The first knob that is moved loads the model (${((wasm + graph) / 1e6).toFixed(1)} MB).`;
    $("status").textContent = words || (loaded ? "" : load);
  }

  draw({ energy, theta, phi, pdg }: Incident, seed: number): void {
    const unlessMoved = (id: string, value: number) => {
      if (document.activeElement?.id !== id) field(id).value = String(value);
    };
    const [low, high] = this.model.energy;
    unlessMoved("energy", high > low ? Math.log(energy / low) / Math.log(high / low) : 0);
    unlessMoved("theta", (theta * 180) / Math.PI);
    unlessMoved("phi", (phi * 180) / Math.PI);
    unlessMoved("particle", pdg);
    $("energy").setAttribute("aria-valuetext", energyWords(energy));
    field("energy-gev").value = String(Number((energy / 1000).toPrecision(4)));
    $("theta-out").textContent = degrees(theta);
    $("phi-out").textContent = degrees(phi);
    field("seed").value = String(seed);
  }

  drawLatents(noise: Float32Array): void {
    for (const label of $("latent-knobs").children) {
      const input = label.querySelector("input")!;
      const value = noise[Number(input.dataset.column)];
      if (document.activeElement !== input) input.value = String(value);
      label.querySelector("output")!.textContent = value.toFixed(2);
    }
  }
}
