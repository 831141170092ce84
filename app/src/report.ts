// Beside the pictures: profiles on the band of the truth, and a table of layers.
import { chart, chartWords, type Curve } from "./charts";
import { $, energyWords } from "./dom";
import type { Incident, Payload, ProfileBin, Shower } from "./payload";
import type { Profiler, Shapes } from "./shapes";

export interface Shown {
  full: Shower | null;
  fast: Shower | null;
  mean: Shapes | null;
}

/** The profiles of the particle whose energies are nearest to the one asked for. */
function binOf(profiles: ProfileBin[], { pdg, energy }: Incident): ProfileBin | null {
  const distance = (bin: ProfileBin) => Math.max(0, Math.log(bin.low / energy), Math.log(energy / bin.high));
  const bins = profiles.filter((bin) => bin.pdg === pdg);
  return bins.reduce<ProfileBin | null>((best, bin) => (best && distance(best) <= distance(bin) ? best : bin), null);
}

export function drawCharts(facts: Payload, profiler: Profiler, wanted: Incident, { full, fast, mean }: Shown, name: (pdg: number) => string): void {
  const bin = binOf(facts.profiles, wanted);
  const curves: { name: Curve["name"]; words: string; shapes: Shapes }[] = [];
  const shapes = (shower: Shower) => profiler.shapes(shower.energy, shower.incident.energy);
  if (full) curves.push({ name: "full", words: `Shower of ${facts.truth}`, shapes: shapes(full) });
  if (fast) curves.push({ name: "fast", words: "Shower of the model", shapes: shapes(fast) });
  if (mean) curves.push({ name: "mean", words: "Mean of 100 of the model", shapes: mean });
  const edges = facts.rings.map((r) => String(Number(r.toPrecision(3))));
  const labels = {
    longitudinal: facts.mesh.layers.map((layer) => String(layer.id)),
    lateral: edges.slice(0, -1).map((edge, i) => `${edge}–${edges[i + 1]}`),
  };
  const spoken = {
    longitudinal: labels.longitudinal.map((label) => `layer ${label}`),
    lateral: labels.lateral.map((label) => `${label} mm`),
  };
  const axes = { longitudinal: "layer", lateral: "distance from the axis, from … mm on" };
  for (const which of ["longitudinal", "lateral"] as const) {
    const lines = curves.map(({ name, words, shapes }) => ({ name, words, values: shapes[which] }));
    chart($<SVGSVGElement>(which), axes[which], labels[which], bin?.[which] ?? null, lines);
    const title = $(`${which}-title`).textContent!;
    $(`${which}-words`).textContent = chartWords(title, facts.truth, spoken[which], bin?.[which] ?? null, lines);
  }
  $("band-words").textContent = bin
    ? `${bin.showers.toLocaleString("en")} showers of ${name(bin.pdg)}, ${bin.high > bin.low ? `${energyWords(bin.low)} to ` : ""}${energyWords(bin.high)}`
    : "none: no showers of this particle";
  $("mean-key").hidden = !mean;
  $("full-key").hidden = !full;
  $("fast-key").hidden = !fast;
  $("band-key").hidden = !facts.full;
}

export function drawTable(facts: Payload, profiler: Profiler, { full, fast }: Shown): void {
  const columns = [[full, facts.truth], [fast, "Model"]] as const;
  const shown = columns.filter(([shower]) => shower).map(([shower, name]) => ({ name, sums: profiler.shapes(shower!.energy, 1).longitudinal }));
  const heads = ["Layer", ...shown.map(({ name }) => `${name}, MeV`)];
  const rows = facts.mesh.layers.map((layer, i) => [layer.id, ...shown.map(({ sums }) => Number(sums[i].toPrecision(4)))]);
  $("table").innerHTML =
    `<thead><tr>${heads.map((h) => `<th scope="col">${h}</th>`).join("")}</tr></thead><tbody>` +
    rows.map((row) => `<tr>${row.map((v, i) => (i ? `<td>${v}</td>` : `<th scope="row">${v}</th>`)).join("")}</tr>`).join("") +
    "</tbody>";
}
