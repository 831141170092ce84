// The address says what is on the screen, so that a link shows it to somebody else: #shower=18&energy=40&seed=3 (GeV, degrees).
import type { Incident } from "./payload";

export interface Link {
  shower: number | null;
  seed: number | null;
  particle: Partial<Incident>;
}

const TURN = Math.PI / 180;
const UNITS: Record<keyof Incident, [string, number]> = {
  energy: ["energy", 1000],
  pdg: ["particle", 1],
  theta: ["theta", TURN],
  phi: ["phi", TURN],
};

/** What an address asks for; numbers that are none are left out. */
export function readLink(hash: string): Link {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name: string) => {
    const value = Number(values.get(name) ?? NaN);
    return Number.isFinite(value) ? value : null;
  };
  const particle: Partial<Incident> = {};
  for (const [key, [name, unit]] of Object.entries(UNITS)) {
    const value = number(name);
    if (value !== null) particle[key as keyof Incident] = value * unit;
  }
  return { shower: number("shower"), seed: number("seed"), particle };
}

let waiting = 0;

/** Writes the address when nothing has moved for a while: browsers refuse hundreds of addresses in a few seconds. */
export function writeLink(shower: number, seed: number | null, particle: Incident | null): void {
  const values = new URLSearchParams({ shower: String(shower) });
  if (particle)
    for (const [key, [name, unit]] of Object.entries(UNITS)) values.set(name, String(Number((particle[key as keyof Incident] / unit).toPrecision(6))));
  if (seed !== null) values.set("seed", String(seed));
  clearTimeout(waiting);
  waiting = window.setTimeout(() => {
    if (location.hash !== `#${values}`) location.replace(`#${values}`);
  }, 300);
}
