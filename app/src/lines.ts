// Lines of the picture: the calorimeter, the edges of a cell, the incident particle.
import * as THREE from "three";
import type { Mesh } from "./mesh";
import type { Incident } from "./payload";

/** Lines as pairs of points. */
function segments(points: number[]): THREE.BufferGeometry {
  return new THREE.BufferGeometry().setAttribute("position", new THREE.Float32BufferAttribute(points, 3));
}

function arc(r: number, from: number, to: number, z: number): number[] {
  const pieces = Math.max(1, Math.ceil(((to - from) / (2 * Math.PI)) * 72));
  const points: number[] = [];
  for (let i = 0; i < pieces; i++)
    for (const k of [i, i + 1]) {
      const angle = from + ((to - from) * k) / pieces;
      points.push(r * Math.cos(angle), r * Math.sin(angle), z);
    }
  return points;
}

function rectangle(x0: number, x1: number, y0: number, y1: number, z: number): number[] {
  return [x0, y0, z, x1, y0, z, x1, y0, z, x1, y1, z, x1, y1, z, x0, y1, z, x0, y1, z, x0, y0, z];
}

/** Edges of one cell. */
export function edgesOf(mesh: Mesh, cell: number): THREE.BufferGeometry {
  const [a, b, c, d, z0, z1] = mesh.spans.subarray(6 * cell, 6 * cell + 6);
  const points: number[] = [];
  if (mesh.boxes) {
    for (const z of [z0, z1]) points.push(...rectangle(a, b, c, d, z));
    for (const [x, y] of [[a, c], [b, c], [b, d], [a, d]]) points.push(x, y, z0, x, y, z1);
    return segments(points);
  }
  for (const z of [z0, z1]) {
    for (const r of [a, b]) points.push(...arc(r, c, d, z));
    if (d - c < 6.28) for (const angle of [c, d]) points.push(a * Math.cos(angle), a * Math.sin(angle), z, b * Math.cos(angle), b * Math.sin(angle), z);
  }
  for (const r of [a, b])
    for (const angle of [c, d]) points.push(r * Math.cos(angle), r * Math.sin(angle), z0, r * Math.cos(angle), r * Math.sin(angle), z1);
  return segments(points);
}

/** The calorimeter: faces of its layers, at most sixteen of them, and the rings and sectors of the first one. */
export function outlineOf(mesh: Mesh): THREE.BufferGeometry {
  const points: number[] = [];
  const facts = mesh.facts;
  const step = Math.ceil(mesh.layers / 16);
  if (facts.kind === "rings") {
    facts.layers.forEach((layer, i) => {
      const outer = layer.r[layer.r.length - 1];
      if (i % step === 0) points.push(...arc(outer, 0, 2 * Math.PI, layer.z[0]));
      if (i === mesh.layers - 1) points.push(...arc(outer, 0, 2 * Math.PI, layer.z[1]));
    });
    const { r, n, z } = facts.layers[0];
    for (const radius of r.slice(1)) points.push(...arc(radius, 0, 2 * Math.PI, z[0]));
    if (n > 1)
      for (let i = 0; i < n; i++) {
        const angle = -Math.PI + (2 * Math.PI * i) / n;
        const [from, to] = [r[0], r[r.length - 1]];
        points.push(from * Math.cos(angle), from * Math.sin(angle), z[0], to * Math.cos(angle), to * Math.sin(angle), z[0]);
      }
    return segments(points);
  }
  facts.layers.forEach((layer, i) => {
    if (i % step !== 0 && i !== mesh.layers - 1) return;
    const ends = [Infinity, -Infinity, Infinity, -Infinity];
    for (let cell = 0; cell < mesh.size; cell++)
      if (mesh.layerOf[cell] === i)
        for (const k of [0, 1, 2, 3]) {
          const value = mesh.spans[6 * cell + k];
          ends[k] = k % 2 ? Math.max(ends[k], value) : Math.min(ends[k], value);
        }
    points.push(...rectangle(ends[0], ends[1], ends[2], ends[3], (layer.z[0] + layer.z[1]) / 2));
  });
  return segments(points);
}

/** The incident particle: along the axis where the mesh follows it, else under its angles. */
export function beamOf(mesh: Mesh, { theta, phi }: Incident, frame: "axis" | "detector"): THREE.BufferGeometry {
  const [near, far] = mesh.depth;
  const length = 0.22 * (far - near);
  const angle = frame === "axis" ? 0 : theta;
  const way = new THREE.Vector3(Math.sin(angle) * Math.cos(phi), Math.sin(angle) * Math.sin(phi), Math.cos(angle));
  const tip = new THREE.Vector3(0, 0, near);
  const points = [...tip.clone().addScaledVector(way, -length), ...tip];
  const side = new THREE.Vector3(0, 1, 0).cross(way).normalize();
  for (const sign of [-1, 1])
    points.push(...tip, ...tip.clone().addScaledVector(way, -0.2 * length).addScaledVector(side, 0.08 * length * sign));
  return segments(points);
}
