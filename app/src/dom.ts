// Elements of the page, and how its numbers are written.

export const $ = <T extends Element = HTMLElement>(id: string) => document.getElementById(id) as unknown as T;
export const field = (id: string) => $<HTMLInputElement>(id);

export const sum = (values: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};

export function energyWords(mev: number): string {
  const units: [number, string][] = [[1e6, "TeV"], [1e3, "GeV"], [1, "MeV"], [1e-3, "keV"]];
  const [scale, unit] = units.find(([least]) => mev >= least) ?? [1, "MeV"];
  return `${Number((mev / scale).toPrecision(4))} ${unit}`;
}

export const degrees = (angle: number) => `${((angle * 180) / Math.PI).toFixed(1)}°`;

/** A sentence in the place of what cannot be shown. */
export function fault(words: string): void {
  $("fault").hidden = false;
  $("fault").textContent = words;
}
