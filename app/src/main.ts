// The page: which shower is on the screen, what the knobs say, and what is written beside the pictures.
import "./style.css";
import { chart, chartWords, type Curve } from "./charts";
import { css } from "./colour";
import { Mesh } from "./mesh";
import { Model } from "./model";
import { Sample, type Incident, type Payload, type ProfileBin, type Shower } from "./payload";
import { Stage, type Look } from "./scene";

const $ = <T extends Element = HTMLElement>(id: string) => document.getElementById(id) as unknown as T;
const field = (id: string) => $<HTMLInputElement>(id);

const DECADES = 4; // of the colour scale
const MEAN_OF = 100; // showers

function energyWords(mev: number): string {
  const [value, unit] = mev >= 1e6 ? [mev / 1e6, "TeV"] : mev >= 1e3 ? [mev / 1e3, "GeV"] : [mev, "MeV"];
  return `${Number(value.toPrecision(4))} ${unit}`;
}
const degrees = (angle: number) => `${((angle * 180) / Math.PI).toFixed(1)}°`;
const sum = (values: ArrayLike<number>) => Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number;

class Page {
  private number = 0;
  private follow = true;
  private wanted: Incident;
  private seed: number;
  private readonly latents = new Map<number, number>();
  private readonly look: Look;
  private readonly largest: number;
  private stage: Stage | null = null;
  private full: Shower | null = null;
  private fast: Shower | null = null;
  private picked = -1;
  private mean: { longitudinal: number[]; lateral: number[] } | null = null;
  private asked = 0; // number of the latest question to the model: answers to earlier ones are dropped

  constructor(
    private readonly facts: Payload,
    private readonly mesh: Mesh,
    private readonly fullSample: Sample | null,
    private readonly fastSample: Sample | null,
    private readonly model: Model | null,
  ) {
    this.largest = Math.max(fullSample?.largest ?? 0, fastSample?.largest ?? 0) || 1;
    const samples = this.leading;
    this.wanted = samples?.incident(0) ?? { energy: 1000, pdg: 11, theta: 0, phi: 0 };
    this.seed = facts.model?.seed ?? 1;
    this.look = { low: this.largest / 10 ** DECADES, high: this.largest, threshold: 0, first: 0, last: mesh.layers - 1, faded: 0.1 };
    this.write();
    this.build();
    this.listen();
    this.show();
  }

  /** The showers that are counted: those of Geant4 where there are any. */
  private get leading(): Sample | null {
    return this.fullSample ?? this.fastSample;
  }

  private write(): void {
    const { facts, mesh } = this;
    $("about").textContent = `${facts.detector}, mesh ${facts.mesh.name}: ${mesh.size.toLocaleString("en")} cells in ${mesh.layers} layers`
      + (facts.mesh.depthKnown ? "" : ", drawn at equal distances since the mesh does not say how deep they lie");
    $("version").textContent = facts.version;
    $("no-model").textContent = facts.noModel;
    $("of").textContent = `of ${this.leading?.length ?? 0}`;
    $("noise-words").textContent = facts.model
      ? "The noise of a seed is the one that caloforge draws in Python, number for number; a shower from the knobs is the shower of `caloforge generate` with this seed and this number, up to the rounding of float32 in ONNX Runtime."
      : "";
    for (const host of document.querySelectorAll(".truth-name")) host.textContent = facts.truth;
    field("number").max = String(this.leading?.length ?? 1);
    $("panel-full").hidden = !this.fullSample;
    $("panel-fast").hidden = !this.fastSample;
    $("stage").classList.toggle("alone", !(this.fullSample && this.fastSample));
    $("scale").style.background = `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, i) => css(i / 8)).join(", ")})`;
    $("scale").setAttribute("aria-label", `colours rise with the logarithm of the energy, ${energyWords(this.look.low)} to ${energyWords(this.look.high)}`);
    $("scale-low").textContent = energyWords(this.look.low);
    $("scale-high").textContent = energyWords(this.look.high);
    for (const id of ["first", "last"]) field(id).max = String(mesh.layers - 1);
    field("first").value = "0";
    field("last").value = String(mesh.layers - 1);
    for (const remarkable of facts.remarkable) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = remarkable.button;
      button.addEventListener("click", () => {
        this.returnToSample();
        this.go(remarkable.number);
        $("remark").textContent = remarkable.words;
      });
      $("remarkable").append(button);
    }
    this.writeKnobs();
  }

  private writeKnobs(): void {
    const model = this.facts.model;
    $("knobs").hidden = !model;
    if (!model) return;
    $("knobs-title").textContent = `The model ${model.name}`;
    for (const pdg of model.particles) $("particle").append(new Option(this.name(pdg), String(pdg)));
    $("particle-label").hidden = model.particles.length < 2;
    $("theta-label").hidden = !model.thetaVaries;
    $("phi-label").hidden = !model.phiVaries;
    $("follow").hidden = !this.fullSample;
    for (const name of ["theta", "phi"] as const) {
      field(name).min = String((model[name][0] * 180) / Math.PI);
      field(name).max = String((model[name][1] * 180) / Math.PI);
    }
    field("seed").value = String(this.seed);
    $("latents").hidden = !model.latents.names.length;
    model.latents.names.forEach((name, i) => {
      const label = document.createElement("label");
      label.innerHTML = `<span></span><input type="range" min="-4" max="4" step="0.05"><output></output>`;
      label.querySelector("span")!.textContent = name;
      const input = label.querySelector("input")!;
      input.dataset.column = String(model.latents.first + i);
      input.addEventListener("input", () => {
        this.latents.set(model.latents.first + i, Number(input.value));
        this.show();
      });
      $("latent-knobs").append(label);
    });
    this.status();
  }

  private name(pdg: number): string {
    return this.facts.names[String(pdg)] ?? `PDG ${pdg}`;
  }

  private status(words = ""): void {
    const { wasm, graph } = this.facts.model!.sizes;
    const load = `The first knob that is moved loads the model (${((wasm + graph) / 1e6).toFixed(1)} MB).`;
    $("status").textContent = words || (this.model!.loaded ? "" : load);
  }

  private build(): void {
    const reach = this.facts.rings.length ? this.radius() : this.mesh.reach;
    const most = Math.max(...[this.fullSample, this.fastSample].flatMap((s) => s?.packed.counts ?? []), 0);
    try {
      this.stage = new Stage(
        $("stage"), $<HTMLCanvasElement>("canvas"), [$("panel-full"), $("panel-fast")], this.mesh, this.look, reach,
        Math.max(most, this.mesh.size / 4), this.facts.frame, (cell) => this.pick(cell),
      );
    } catch (error) {
      fault(`No picture: this browser does not give WebGL (${(error as Error).message}). Profiles and tables work.`);
    }
  }

  /** Distance from the axis that holds 99 % of the energy of the showers: the first view shows at least so much. */
  private radius(): number {
    const shower = this.leading?.length ? this.leading.shower(0) : null;
    const total = shower ? sum(shower.energy) : 0;
    if (!shower || total === 0) return this.mesh.reach;
    const order = [...shower.energy.keys()].filter((i) => shower.energy[i] > 0).sort((a, b) => this.mesh.r[a] - this.mesh.r[b]);
    let inside = 0;
    for (const cell of order) {
      inside += shower.energy[cell];
      if (inside >= 0.99 * total) return Math.min(this.mesh.reach, 1.5 * Math.max(this.mesh.r[cell], this.mesh.reach / 50));
    }
    return this.mesh.reach;
  }

  private listen(): void {
    const on = (id: string, what: string, act: () => void) => $(id).addEventListener(what, act);
    on("previous", "click", () => this.go(this.number - 1));
    on("next", "click", () => this.go(this.number + 1));
    on("number", "change", () => this.go(Math.round(Number(field("number").value)) - 1));
    on("home", "click", () => this.stage?.home());
    for (const id of ["first", "last", "fade", "threshold"]) on(id, "input", () => this.relook(id));
    on("particle", "change", () => this.ask({ pdg: Number(field("particle").value) }));
    on("energy", "input", () => {
      const [low, high] = this.facts.model!.energy;
      this.ask({ energy: low * (high / low) ** Number(field("energy").value) });
    });
    on("energy-gev", "change", () => this.askEnergy());
    on("theta", "input", () => this.ask({ theta: (Number(field("theta").value) * Math.PI) / 180 }));
    on("phi", "input", () => this.ask({ phi: (Number(field("phi").value) * Math.PI) / 180 }));
    on("seed", "change", () => {
      this.seed = Math.min(2 ** 32 - 1, Math.max(0, Math.round(Number(field("seed").value)) || 0));
      field("seed").value = String(this.seed);
      this.show();
    });
    on("hundred", "click", () => void this.hundred());
    on("follow", "click", () => this.returnToSample());
    on("latents-back", "click", () => {
      this.latents.clear();
      this.show();
    });
    $("stage").addEventListener("keydown", (event) => this.key(event as KeyboardEvent));
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
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
    const act = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  private go(number: number): void {
    const count = this.leading?.length ?? 0;
    if (!count) return;
    this.number = Number.isFinite(number) ? ((number % count) + count) % count : 0;
    $("remark").textContent = "";
    this.show();
  }

  private ask(change: Partial<Incident>): void {
    this.wanted = { ...this.wanted, ...change };
    this.follow = false;
    this.show();
  }

  private askEnergy(): void {
    const [low, high] = this.facts.model!.energy;
    const energy = 1000 * Number(field("energy-gev").value);
    this.ask({ energy: Math.min(high, Math.max(low, energy || low)) });
    if (!(energy >= low && energy <= high)) this.status(`The model was trained on ${energyWords(low)} to ${energyWords(high)}.`);
  }

  private returnToSample(): void {
    this.follow = true;
    this.latents.clear();
    this.seed = this.facts.model?.seed ?? this.seed;
    this.show();
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

  /** Whether the shower of the model that came with the page is the one that is asked for. */
  private get asPacked(): boolean {
    return this.follow && this.latents.size === 0 && this.seed === (this.facts.model?.seed ?? this.seed);
  }

  private show(): void {
    const count = this.leading?.length ?? 0;
    this.mean = null;
    if (!count) {
      this.draw();
      return;
    }
    if (this.follow) this.wanted = this.leading!.incident(this.number);
    if (this.fullSample) this.full = this.fullSample.shower(this.follow ? this.number : this.fullSample.nearest(this.wanted));
    if (this.fastSample && this.asPacked) {
      this.asked += 1;
      this.fast = this.fastSample.shower(this.number);
      if (this.model) this.status();
    } else if (this.model) void this.generate();
    this.draw();
  }

  private async generate(): Promise<void> {
    const question = ++this.asked;
    const model = this.model!;
    const incident = { ...this.wanted };
    if (!model.loaded) this.status("Loading the model …");
    try {
      const noise = model.noise(this.seed, this.number, this.latents);
      const energy = await model.sample(incident, noise);
      if (question !== this.asked) return;
      this.fast = { incident, energy };
      this.status(`Computed here: seed ${this.seed}, shower ${this.number + 1}${this.latents.size ? ", latents moved" : ""}.`);
      this.draw();
    } catch (error) {
      this.status(`The model cannot be computed here: ${(error as Error).message}`);
    }
  }

  private async hundred(): Promise<void> {
    const question = ++this.asked;
    const incident = { ...this.wanted };
    const energies: number[] = [];
    const profiles = this.profilesOf(new Float32Array(this.mesh.size), 1);
    const longitudinal = profiles.longitudinal.map(() => 0);
    const lateral = profiles.lateral.map(() => 0);
    if (!this.model!.loaded) this.status("Loading the model …");
    try {
      await this.model!.each(incident, this.seed, MEAN_OF, (energy) => {
        const one = this.profilesOf(energy, incident.energy);
        one.longitudinal.forEach((v, i) => (longitudinal[i] += v / MEAN_OF));
        one.lateral.forEach((v, i) => (lateral[i] += v / MEAN_OF));
        energies.push(sum(energy));
      });
    } catch (error) {
      this.status(`The model cannot be computed here: ${(error as Error).message}`);
      return;
    }
    if (question !== this.asked) return;
    this.mean = { longitudinal, lateral };
    const mean = sum(energies) / MEAN_OF;
    const error = Math.sqrt(sum(energies.map((e) => (e - mean) ** 2)) / (MEAN_OF - 1) / MEAN_OF);
    this.status(`Mean of ${MEAN_OF} showers at ${energyWords(incident.energy)}: ${energyWords(mean)} ± ${energyWords(error)} in the cells.`);
    Object.assign($("status").dataset, { mean: String(mean), error: String(error) });
    this.drawCharts();
  }

  private profilesOf(energy: Float32Array, incident: number): { longitudinal: number[]; lateral: number[] } {
    const longitudinal = new Array<number>(this.mesh.layers).fill(0);
    const edges = this.facts.rings;
    const lateral = new Array<number>(Math.max(0, edges.length - 1)).fill(0);
    energy.forEach((value, cell) => {
      if (value <= 0) return;
      longitudinal[this.mesh.layerOf[cell]] += value / incident;
      let ring = 0;
      while (ring < lateral.length - 1 && this.mesh.r[cell] >= edges[ring + 1]) ring++;
      if (lateral.length) lateral[ring] += value / incident;
    });
    return { longitudinal, lateral };
  }

  private draw(): void {
    this.stage?.show(0, this.full?.energy ?? null, this.full?.incident ?? null);
    this.stage?.show(1, this.fast?.energy ?? null, this.fast?.incident ?? null);
    field("number").value = String(this.leading?.length ? this.number + 1 : 0);
    this.caption("full", this.full, this.fullSample?.packed.label ?? "");
    this.caption("fast", this.fast, this.fastSample?.packed.label ?? "Model");
    $("summary").textContent = [this.full && `${this.facts.truth}: ${this.words(this.full)}`, this.fast && `Model: ${this.words(this.fast)}`].filter(Boolean).join(" ");
    const layers = this.facts.mesh.layers;
    $("first-out").textContent = String(layers[this.look.first].id);
    $("last-out").textContent = String(layers[this.look.last].id);
    $("threshold-out").textContent = this.look.threshold ? energyWords(this.look.threshold) : "none";
    this.drawKnobs();
    this.pick(this.picked);
    this.drawCharts();
    this.drawTable();
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
    const total = sum(energy);
    return `${this.name(incident.pdg)} ${energyWords(incident.energy)}${angles}: ${energyWords(total)} in ${hits.toLocaleString("en")} cells.`;
  }

  private drawKnobs(): void {
    const model = this.facts.model;
    if (!model) return;
    const { energy, theta, phi, pdg } = this.wanted;
    const [low, high] = model.energy;
    const unlessFocused = (id: string, value: string) => {
      if (document.activeElement?.id !== id) field(id).value = value;
    };
    unlessFocused("energy", String(high > low ? Math.log(energy / low) / Math.log(high / low) : 0));
    field("energy-gev").value = String(Number((energy / 1000).toPrecision(4)));
    unlessFocused("theta", String((theta * 180) / Math.PI));
    unlessFocused("phi", String((phi * 180) / Math.PI));
    $("theta-out").textContent = degrees(theta);
    $("phi-out").textContent = degrees(phi);
    unlessFocused("particle", String(pdg));
    field("seed").value = String(this.seed);
    if (!model.latents.names.length) return;
    const noise = this.model!.noise(this.seed, this.number, this.latents);
    for (const label of $("latent-knobs").children) {
      const input = label.querySelector("input")!;
      const value = noise[Number(input.dataset.column)];
      if (document.activeElement !== input) input.value = String(value);
      label.querySelector("output")!.textContent = value.toFixed(2);
    }
  }

  private pick(cell: number): void {
    this.picked = cell;
    this.stage?.mark(cell);
    if (cell < 0) {
      $("cell").textContent = "No cell picked.";
      return;
    }
    const read = (shower: Shower | null, name: string) => (shower ? `${name} ${Number(shower.energy[cell].toPrecision(4))} MeV` : "");
    const energies = [read(this.full, this.facts.truth), read(this.fast, "model")].filter(Boolean).join(", ");
    $("cell").textContent = `Cell ${cell}: ${this.mesh.words(cell)}: ${energies}.`;
  }

  /** The cell with the next lower energy, of the shower of Geant4 where there is one. */
  private pickNext(): void {
    const shower = this.full ?? this.fast;
    if (!shower) return;
    const { layerOf } = this.mesh;
    const order = [...shower.energy.keys()]
      .filter((i) => shower.energy[i] > 0 && layerOf[i] >= this.look.first && layerOf[i] <= this.look.last)
      .sort((a, b) => shower.energy[b] - shower.energy[a]);
    if (order.length) this.pick(order[(order.indexOf(this.picked) + 1) % order.length]);
  }

  private bin(): ProfileBin | null {
    const { pdg, energy } = this.wanted;
    const distance = (bin: ProfileBin) => Math.max(0, Math.log(bin.low / energy), Math.log(energy / bin.high));
    const bins = this.facts.profiles.filter((bin) => bin.pdg === pdg);
    return bins.reduce<ProfileBin | null>((best, bin) => (best && distance(best) <= distance(bin) ? best : bin), null);
  }

  private drawCharts(): void {
    const bin = this.bin();
    const curves: { words: string; name: Curve["name"]; shapes: { longitudinal: number[]; lateral: number[] } }[] = [];
    if (this.full) curves.push({ name: "full", words: `Shower of ${this.facts.truth}`, shapes: this.profilesOf(this.full.energy, this.full.incident.energy) });
    if (this.fast) curves.push({ name: "fast", words: "Shower of the model", shapes: this.profilesOf(this.fast.energy, this.fast.incident.energy) });
    if (this.mean) curves.push({ name: "mean", words: `Mean of ${MEAN_OF} of the model`, shapes: this.mean });
    const edges = this.facts.rings.map((r) => String(Number(r.toPrecision(3))));
    const labels = {
      longitudinal: this.facts.mesh.layers.map((layer) => String(layer.id)),
      lateral: edges.slice(0, -1).map((edge, i) => `${edge}–${edges[i + 1]}`),
    };
    const axes = { longitudinal: "layer", lateral: "distance from the axis, from … mm on" };
    for (const which of ["longitudinal", "lateral"] as const) {
      const lines = curves.map(({ name, words, shapes }) => ({ name, words, values: shapes[which] }));
      chart($<SVGSVGElement>(which), axes[which], labels[which], bin?.[which] ?? null, lines);
      $(`${which}-words`).textContent = chartWords($(`${which}-title`).textContent!, this.facts.truth, labels[which], bin?.[which] ?? null, lines);
    }
    $("band-words").textContent = bin
      ? `${bin.showers.toLocaleString("en")} showers of ${this.name(bin.pdg)}, ${bin.high > bin.low ? `${energyWords(bin.low)} to ` : ""}${energyWords(bin.high)}`
      : "none: no showers of this particle";
    $("mean-key").hidden = !this.mean;
    $("full-key").hidden = !this.full;
    $("fast-key").hidden = !this.fast;
    $("band-key").hidden = !this.fullSample;
  }

  private drawTable(): void {
    const shown = [this.full, this.fast];
    const sums = shown.map((s) => (s ? this.profilesOf(s.energy, 1).longitudinal : null));
    const heads = ["Layer", sums[0] && `${this.facts.truth}, MeV`, sums[1] && "Model, MeV"].filter(Boolean);
    const rows = this.facts.mesh.layers.map((layer, i) => [layer.id, ...sums.filter((s) => s !== null).map((s) => Number(s![i].toPrecision(4)))]);
    $("table").innerHTML =
      `<thead><tr>${heads.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>` +
      rows.map((row) => `<tr>${row.map((v, i) => (i ? `<td>${v}</td>` : `<th scope="row">${v}</th>`)).join("")}</tr>`).join("") +
      "</tbody>";
  }
}

function fault(words: string): void {
  $("fault").hidden = false;
  $("fault").textContent = words;
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
