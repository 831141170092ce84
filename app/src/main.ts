// The page: which showers are on the screen, and who is asked for them.
import "./style.css";
import type { Look } from "./cells";
import { css } from "./colour";
import { $, degrees, energyWords, fault, field, sum } from "./dom";
import { Knobs, legalSeed } from "./knobs";
import { readLink, writeLink } from "./link";
import { Mesh } from "./mesh";
import { Model } from "./model";
import { Sample, type Incident, type Payload, type Shower } from "./payload";
import { drawCharts, drawTable } from "./report";
import { Profiler, type Shapes } from "./shapes";
import { Stage } from "./stage";

const DECADES = 4; // of the colour scale
const MEAN_OF = 100; // showers

class Page {
  private number = 0;
  private follow = true; // the model's particle is that of the shower beside it
  private wanted: Incident;
  private seed: number;
  private readonly latents = new Map<number, number>();
  private readonly look: Look;
  private readonly profiler: Profiler;
  private readonly stage: Stage | null;
  private readonly knobs: Knobs | null;
  private full: Shower | null = null;
  private fast: Shower | null = null;
  private mean: Shapes | null = null;
  private picked = -1;
  private asked = 0; // number of the latest question to the model: answers to earlier ones are dropped

  constructor(
    private readonly facts: Payload,
    private readonly mesh: Mesh,
    private readonly fullSample: Sample | null,
    private readonly fastSample: Sample | null,
    private readonly model: Model | null,
  ) {
    const high = Math.max(fullSample?.largest ?? 0, fastSample?.largest ?? 0) || 1;
    this.wanted = this.leading.incident(0);
    this.seed = facts.model?.seed ?? 1;
    this.look = { low: high / 10 ** DECADES, high, threshold: 0, first: 0, last: mesh.layers - 1, faded: 0.01 };
    this.profiler = new Profiler(mesh, facts.rings);
    this.write();
    this.stage = this.build();
    this.knobs = facts.model && new Knobs(facts.model, (pdg) => this.name(pdg), fullSample !== null, this.moves());
    this.listen();
    this.open();
  }

  /** As the address asks, inside what the model knows. */
  private open(): void {
    const { shower, seed, particle } = readLink(location.hash);
    const model = this.facts.model;
    if (shower !== null) this.number = Math.min(this.leading.length, Math.max(1, Math.round(shower))) - 1;
    this.wanted = this.leading.incident(this.number);
    if (model && seed !== null) this.seed = legalSeed(seed);
    if (model && Object.keys(particle).length) {
      const asked = { ...this.wanted, ...particle };
      for (const name of ["energy", "theta", "phi"] as const) asked[name] = Math.min(model[name][1], Math.max(model[name][0], asked[name]));
      if (!model.particles.includes(asked.pdg)) asked.pdg = model.particles[0];
      [this.wanted, this.follow] = [asked, false];
    }
    this.show();
  }

  /** The showers that are counted: those of the file where there is one. */
  private get leading(): Sample {
    return (this.fullSample ?? this.fastSample)!;
  }

  private name(pdg: number): string {
    return this.facts.names[String(pdg)] ?? `PDG ${pdg}`;
  }

  /** What does not change with the shower. */
  private write(): void {
    const { facts, mesh, look } = this;
    const about = `${facts.detector}, mesh ${facts.mesh.name}: ${mesh.size.toLocaleString("en")} cells in ${mesh.layers} layers`;
    $("about").textContent = about + (facts.mesh.depthKnown ? "" : ", drawn at equal distances since the mesh does not say how deep they lie");
    $("version").textContent = facts.version;
    $("no-model").textContent = facts.noModel;
    $("noise-words").textContent = facts.model
      ? "The noise of a seed is the one that caloforge draws in Python, number for number: a shower from the knobs is the shower of caloforge generate with this seed, particle and place, up to the rounding of float32 in ONNX Runtime."
      : "";
    $("of").textContent = `of ${this.leading.length}`;
    field("number").max = String(this.leading.length);
    for (const host of document.querySelectorAll(".truth-name")) host.textContent = facts.truth;
    $("panel-full").hidden = !this.fullSample;
    $("panel-fast").hidden = !this.fastSample;
    $("stage").classList.toggle("alone", !(this.fullSample && this.fastSample));
    $("scale").style.background = `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, i) => css(i / 8)).join(", ")})`;
    const ends = [energyWords(look.low), energyWords(look.high)];
    $("scale").setAttribute("aria-label", `colours rise with the logarithm of the energy, ${ends.join(" to ")}`);
    $("scale-low").textContent = `≤ ${ends[0]}`;
    $("scale-high").textContent = ends[1];
    for (const id of ["first", "last"]) field(id).max = String(mesh.layers - 1);
    field("first").value = "0";
    field("last").value = String(mesh.layers - 1);
    for (const { button, number, words } of facts.remarkable) {
      const host = document.createElement("button");
      Object.assign(host, { type: "button", textContent: button });
      host.addEventListener("click", () => {
        this.back();
        this.go(number);
        $("remark").textContent = words;
      });
      $("remarkable").append(host);
    }
  }

  private build(): Stage | null {
    const most = Math.max(...[this.fullSample, this.fastSample].flatMap((sample) => sample?.packed.counts ?? []));
    const panels = [$("panel-full"), $("panel-fast")];
    try {
      const canvas = $<HTMLCanvasElement>("canvas");
      return new Stage($("stage"), canvas, panels, this.mesh, this.look, this.reach(), most, this.facts.frame, (cell) => this.pick(cell));
    } catch (error) {
      fault(`No picture: this browser does not give WebGL (${(error as Error).message}). Profiles and tables work.`);
      return null;
    }
  }

  /** Distance from the axis, mm, that the first view shows at least: half more than holds 99 % of the first shower. */
  private reach(): number {
    const { energy } = this.leading.shower(0);
    const { r, reach } = this.mesh;
    const order = [...energy.keys()].filter((i) => energy[i] > 0).sort((a, b) => r[a] - r[b]);
    const total = sum(energy);
    let inside = 0;
    const edge = order.find((cell) => (inside += energy[cell]) >= 0.99 * total);
    return edge === undefined ? reach : Math.min(reach, 1.5 * Math.max(r[edge], reach / 50));
  }

  private moves() {
    return {
      ask: (change: Partial<Incident>) => {
        this.wanted = { ...this.wanted, ...change };
        this.follow = false;
        this.show();
      },
      seed: (seed: number) => {
        this.seed = seed;
        this.show();
      },
      latent: (column: number, value: number) => {
        this.latents.set(column, value);
        this.show();
      },
      latentsBack: () => {
        this.latents.clear();
        this.show();
      },
      hundred: () => void this.hundred(),
      follow: () => {
        this.back();
        this.show();
      },
    };
  }

  private listen(): void {
    const on = (id: string, what: string, act: () => void) => $(id).addEventListener(what, act);
    on("previous", "click", () => this.go(this.number - 1));
    on("next", "click", () => this.go(this.number + 1));
    on("number", "change", () => this.go(Math.round(Number(field("number").value)) - 1));
    on("home", "click", () => this.stage?.home());
    on("latents", "toggle", () => this.draw());
    for (const id of ["first", "last", "fade", "threshold"]) on(id, "input", () => this.relook(id));
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.stage?.turn(-0.12, 0),
      ArrowRight: () => this.stage?.turn(0.12, 0),
      ArrowUp: () => this.stage?.turn(0, -0.12),
      ArrowDown: () => this.stage?.turn(0, 0.12),
      "+": () => this.stage?.zoom(0.85),
      "=": () => this.stage?.zoom(0.85),
      "-": () => this.stage?.zoom(1 / 0.85),
      "0": () => this.stage?.home(),
      n: () => this.go(this.number + 1),
      p: () => this.go(this.number - 1),
      Enter: () => this.pickNext(),
      Escape: () => this.pick(-1),
    };
    $("stage").addEventListener("keydown", (event) => {
      const act = keys[event.key] ?? keys[event.key.toLowerCase()];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  }

  private go(number: number): void {
    const count = this.leading.length;
    this.number = Number.isFinite(number) ? ((number % count) + count) % count : 0;
    $("remark").textContent = "";
    this.show();
  }

  /** To the particles and the seed that the page came with. */
  private back(): void {
    this.follow = true;
    this.latents.clear();
    this.seed = this.facts.model?.seed ?? this.seed;
  }

  private relook(moved: string): void {
    let [first, last] = [Number(field("first").value), Number(field("last").value)];
    if (first > last) [first, last] = moved === "first" ? [first, first] : [last, last];
    field("first").value = String(first);
    field("last").value = String(last);
    const hidden = Number(field("threshold").value);
    const threshold = hidden === 0 ? 0 : this.look.low * (this.look.high / this.look.low) ** hidden;
    Object.assign(this.look, { first, last, threshold, faded: (1 - Number(field("fade").value)) ** 2 });
    this.draw();
  }

  private show(): void {
    this.mean = null;
    this.asked += 1;
    if (this.follow) this.wanted = this.leading.incident(this.number);
    if (this.fullSample) this.full = this.fullSample.shower(this.follow ? this.number : this.fullSample.nearest(this.wanted));
    if (this.fastSample && this.follow && !this.latents.size && this.seed === (this.facts.model?.seed ?? this.seed)) {
      this.fast = this.fastSample.shower(this.number);
      this.knobs?.status("", this.model!.loaded);
    } else if (this.model) void this.generate(this.asked);
    writeLink(this.number + 1, this.seed === this.facts.model?.seed ? null : this.facts.model && this.seed, this.follow ? null : this.wanted);
    this.draw();
  }

  private async generate(question: number): Promise<void> {
    const model = this.model!;
    const incident = { ...this.wanted };
    if (!model.loaded) this.knobs!.status("Loading the model …");
    try {
      const energy = await model.sample(incident, model.noise(this.seed, this.number, this.latents), () => question === this.asked);
      if (!energy || question !== this.asked) return;
      this.fast = { incident, energy };
      this.knobs!.status(`Computed here: seed ${this.seed}, shower ${this.number + 1}${this.latents.size ? ", latents moved" : ""}.`);
      this.draw();
    } catch (error) {
      this.knobs!.status(`The model cannot be computed here: ${(error as Error).message}`);
    }
  }

  private async hundred(): Promise<void> {
    const question = ++this.asked;
    const incident = { ...this.wanted };
    const energies: number[] = [];
    const mean = this.profiler.shapes(new Float32Array(this.mesh.size), 1);
    this.knobs!.status(this.model!.loaded ? "Computing …" : "Loading the model …");
    try {
      await this.model!.each(incident, this.seed, MEAN_OF, (energy) => {
        const shapes = this.profiler.shapes(energy, incident.energy * MEAN_OF);
        for (const which of ["longitudinal", "lateral"] as const) shapes[which].forEach((v, i) => (mean[which][i] += v));
        energies.push(sum(energy));
      });
    } catch (error) {
      this.knobs!.status(`The model cannot be computed here: ${(error as Error).message}`);
      return;
    }
    if (question !== this.asked) return;
    this.mean = mean;
    const value = sum(energies) / MEAN_OF;
    const error = Math.sqrt(sum(energies.map((e) => (e - value) ** 2)) / (MEAN_OF - 1) / MEAN_OF);
    this.knobs!.status(`Mean of ${MEAN_OF} showers at ${energyWords(incident.energy)}: ${energyWords(value)} ± ${energyWords(error)} in the cells.`);
    Object.assign($("status").dataset, { mean: String(value), error: String(error) });
    this.drawReport();
  }

  private draw(): void {
    const { full, fast, facts } = this;
    this.stage?.show(0, full?.energy ?? null, full?.incident ?? null);
    this.stage?.show(1, fast?.energy ?? null, fast?.incident ?? null);
    field("number").value = String(this.number + 1);
    this.caption("full", full, this.fullSample?.packed.label ?? "");
    this.caption("fast", fast, this.fastSample?.packed.label ?? "");
    $("summary").textContent = [full && `${facts.truth}: ${this.words(full)}`, fast && `Model: ${this.words(fast)}`].filter(Boolean).join(" ");
    $("first-out").textContent = String(facts.mesh.layers[this.look.first].id);
    $("last-out").textContent = String(facts.mesh.layers[this.look.last].id);
    $("threshold-out").textContent = this.look.threshold ? energyWords(this.look.threshold) : "none";
    this.knobs?.draw(this.wanted, this.seed);
    if (this.knobs?.latentsOpen) this.knobs.drawLatents(this.model!.noise(this.seed, this.number, this.latents));
    this.pick(this.picked);
    this.drawReport();
  }

  private drawReport(): void {
    const shown = { full: this.full, fast: this.fast, mean: this.mean };
    drawCharts(this.facts, this.profiler, this.wanted, shown, (pdg) => this.name(pdg));
    drawTable(this.facts, this.profiler, shown);
  }

  private caption(which: "full" | "fast", shower: Shower | null, label: string): void {
    const host = $(`caption-${which}`);
    host.innerHTML = "<strong></strong><span></span>";
    host.children[0].textContent = label;
    host.children[1].textContent = shower ? this.words(shower) : "no shower";
    host.dataset.total = shower ? String(sum(shower.energy)) : "";
  }

  private words({ incident, energy }: Shower): string {
    const hits = energy.reduce((count, value) => count + (value > 0 ? 1 : 0), 0);
    const angles = incident.theta > 1e-4 ? `, θ ${degrees(incident.theta)}, φ ${degrees(incident.phi)}` : "";
    return `${this.name(incident.pdg)} ${energyWords(incident.energy)}${angles}: ${energyWords(sum(energy))} in ${hits.toLocaleString("en")} cells.`;
  }

  private pick(cell: number): void {
    this.picked = cell;
    this.stage?.mark(cell);
    if (cell < 0) {
      $("cell").textContent = "No cell picked.";
      return;
    }
    const read = (shower: Shower | null, name: string) => (shower ? [`${name} ${Number(shower.energy[cell].toPrecision(4))} MeV`] : []);
    const energies = [...read(this.full, this.facts.truth), ...read(this.fast, "model")].join(", ");
    $("cell").textContent = `Cell ${cell}: ${this.mesh.words(cell)}: ${energies}.`;
  }

  /** The cell with the next lower energy, of the shower of the file where there is one. */
  private pickNext(): void {
    const { energy } = (this.full ?? this.fast)!;
    const { layerOf } = this.mesh;
    const open = (i: number) => energy[i] > 0 && layerOf[i] >= this.look.first && layerOf[i] <= this.look.last;
    const order = [...energy.keys()].filter(open).sort((a, b) => energy[b] - energy[a]);
    if (order.length) this.pick(order[(order.indexOf(this.picked) + 1) % order.length]);
  }
}

async function start(): Promise<void> {
  const facts = JSON.parse($("payload").textContent!) as Payload;
  const mesh = await Mesh.of(facts.mesh);
  const sample = async (packed: Payload["full"]) => (packed ? Sample.of(packed, mesh.size) : null);
  const [full, fast] = [await sample(facts.full), await sample(facts.fast)];
  new Page(facts, mesh, full, fast, facts.model && new Model(facts.model));
  document.documentElement.dataset.ready = "yes";
}

start().catch((error: Error) => fault(`This page could not be drawn: ${error.message}`));
