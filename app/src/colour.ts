// Colours of cells by the logarithm of their energy: dark violet over red to yellow, rising in lightness all the way.

const STOPS: [number, number, number][] = [
  [0.16, 0.09, 0.46],
  [0.48, 0.09, 0.59],
  [0.75, 0.22, 0.44],
  [0.93, 0.43, 0.24],
  [0.98, 0.69, 0.18],
  [0.96, 0.95, 0.42],
];

/** Place of an energy between the ends of the scale, 0 to 1. */
export function place(energy: number, low: number, high: number): number {
  return Math.min(1, Math.max(0, Math.log(energy / low) / Math.log(high / low)));
}

export function colour(t: number): [number, number, number] {
  const x = t * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(x));
  return [0, 1, 2].map((k) => STOPS[i][k] + (x - i) * (STOPS[i + 1][k] - STOPS[i][k])) as [number, number, number];
}

export const css = (t: number) => `rgb(${colour(t).map((c) => Math.round(255 * c)).join(" ")})`;
