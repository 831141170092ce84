// Profiles as SVG: the mean and band of Geant4, and the showers on the screen.
import type { Band } from "./payload";

export interface Curve {
  name: "full" | "fast" | "mean";
  words: string;
  values: number[];
}

const [W, H] = [420, 210];
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 10, 10, 36];

function ticks(high: number): number[] {
  const raw = high / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
}

const short = (value: number) => String(Number(value.toPrecision(3)));

/** Draws percentages of the incident energy against bins; a label under some of them, up to a dash where it has one. */
export function chart(host: SVGSVGElement, axis: string, labels: string[], band: Band | null, curves: Curve[]): void {
  const n = labels.length;
  const all = [...(band ? band.high : []), ...curves.flatMap((curve) => curve.values)].map((v) => 100 * v);
  const high = Math.max(1e-9, ...all.filter(Number.isFinite)) * 1.08;
  const x = (i: number) => LEFT + ((W - LEFT - RIGHT) * (i + 0.5)) / n;
  const y = (v: number) => TOP + (H - TOP - BOTTOM) * (1 - (100 * v) / high);
  const line = (values: number[]) => values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  const parts: string[] = [];
  for (const tick of ticks(high)) {
    const at = y(tick / 100).toFixed(1);
    parts.push(`<line class="grid" x1="${LEFT}" x2="${W - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${LEFT - 5}" y="${at}" text-anchor="end" dy="0.35em">${short(tick)}</text>`);
  }
  const every = Math.ceil(n / 10);
  labels.forEach((label, i) => {
    if (i % every === 0) parts.push(`<text x="${x(i).toFixed(1)}" y="${H - BOTTOM + 14}" text-anchor="middle">${label.split("–")[0]}</text>`);
  });
  parts.push(`<text x="${(LEFT + W - RIGHT) / 2}" y="${H - 4}" text-anchor="middle">${axis}</text>`);
  parts.push(`<text transform="translate(11 ${(TOP + H - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">% of incident energy</text>`);
  if (band) {
    const low = [...band.low.keys()].reverse().map((i) => `${x(i).toFixed(1)},${y(band.low[i]).toFixed(1)}`);
    parts.push(`<polygon class="band" points="${line(band.high)} ${low.join(" ")}"/>`);
    parts.push(`<polyline class="truth" points="${line(band.mean)}"/>`);
  }
  for (const curve of curves) {
    parts.push(`<polyline class="${curve.name}" points="${line(curve.values)}"/>`);
    if (curve.name !== "mean")
      curve.values.forEach((v, i) => parts.push(`<circle class="${curve.name}" cx="${x(i).toFixed(1)}" cy="${y(v).toFixed(1)}" r="2.2"/>`));
  }
  host.setAttribute("viewBox", `0 0 ${W} ${H}`);
  host.innerHTML = parts.join("");
}

/** Where a profile is largest and how it stands to the band, for those who do not see it. */
export function chartWords(what: string, truth: string, labels: string[], band: Band | null, curves: Curve[]): string {
  const sentences = curves.map(({ words, values }) => {
    const top = values.indexOf(Math.max(...values));
    const outside = band ? values.filter((v, i) => v < band.low[i] || v > band.high[i]).length : 0;
    const beside = band ? `, ${outside} of ${values.length} outside the band of ${truth}` : "";
    return `${words}: largest at ${labels[top]} with ${(100 * values[top]).toFixed(1)} %${beside}`;
  });
  return `${what}. ${sentences.join(". ")}.`;
}
