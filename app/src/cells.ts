// The hit cells of one shower as instances of one small block, bent into rings and sectors by the graphics card.
import * as THREE from "three";
import { colour, place } from "./colour";
import type { Mesh } from "./mesh";

const TRIANGLES = 1_500_000; // drawn at once at most
const GAP = 0.03; // of a cell, left free on each side

/** What is shown of the cells, the same in both panels. */
export interface Look {
  low: number; // ends of the colour scale, MeV
  high: number;
  threshold: number; // MeV
  first: number; // layers from here ...
  last: number; // ... to here in full
  faded: number; // opacity of the other ones, of that in full
}

const VERTEX = /* glsl */ `
  attribute vec4 across;
  attribute vec2 along;
  attribute vec4 shade;
  uniform float boxes;
  varying vec4 vShade;
  varying vec3 vPlace;
  void main() {
    vec3 u = mix(vec3(${GAP}), vec3(${1 - GAP}), position);
    float a = mix(across.x, across.y, u.x);
    float b = mix(across.z, across.w, across.w - across.z > 6.28 ? position.y : u.y);
    vec3 here = vec3(boxes > 0.5 ? vec2(a, b) : a * vec2(cos(b), sin(b)), mix(along.x, along.y, u.z));
    vShade = shade;
    vec4 seen = modelViewMatrix * vec4(here, 1.0);
    vPlace = seen.xyz;
    gl_Position = projectionMatrix * seen;
  }`;

const FRAGMENT = /* glsl */ `
  varying vec4 vShade;
  varying vec3 vPlace;
  void main() {
    vec3 normal = normalize(cross(dFdx(vPlace), dFdy(vPlace)));
    float light = 0.72 + 0.28 * abs(normal.z);
    gl_FragColor = vec4(vShade.rgb * light, vShade.a);
  }`;

const PICK = /* glsl */ `
  varying vec4 vShade;
  void main() { gl_FragColor = vShade; }`;

/** What the cells of all showers on a mesh are drawn with. */
export interface Materials {
  block: THREE.BufferGeometry;
  solid: THREE.ShaderMaterial;
  pick: THREE.ShaderMaterial;
}

/** A block with as many straight pieces as make the widest sector look round, fewer where many cells are hit. */
export function materialsOf(mesh: Mesh, hits: number): Materials {
  const pieces = Math.max(1, Math.min(Math.ceil(64 / mesh.fewestSectors), Math.floor(TRIANGLES / 8 / Math.max(1, hits))));
  const uniforms = { boxes: { value: mesh.boxes ? 1 : 0 } };
  const transparent = { transparent: true, depthWrite: false };
  return {
    block: new THREE.BoxGeometry(1, 1, 1, 1, mesh.boxes ? 1 : pieces, 1).translate(0.5, 0.5, 0.5),
    solid: new THREE.ShaderMaterial({ vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms, ...transparent }),
    pick: new THREE.ShaderMaterial({ vertexShader: VERTEX, fragmentShader: PICK, uniforms, blending: THREE.NoBlending }),
  };
}

/** The hit cells of one shower, ready to draw. */
export class Cells {
  readonly object: THREE.Mesh;
  private readonly solid: THREE.ShaderMaterial;
  private readonly pick: THREE.ShaderMaterial;
  private hits = new Uint32Array(0);
  private shades = new Float32Array(0);
  private readonly buffers: Record<"across" | "along" | "shade", THREE.InstancedBufferAttribute>;

  constructor(
    private readonly mesh: Mesh,
    { block, solid, pick }: Materials,
  ) {
    [this.solid, this.pick] = [solid, pick];
    const geometry = new THREE.InstancedBufferGeometry();
    geometry.index = block.index;
    geometry.setAttribute("position", block.getAttribute("position"));
    const buffer = (width: number) => new THREE.InstancedBufferAttribute(new Float32Array(mesh.size * width), width);
    this.buffers = { across: buffer(4), along: buffer(2), shade: buffer(4) };
    for (const [name, attribute] of Object.entries(this.buffers)) geometry.setAttribute(name, attribute);
    geometry.instanceCount = 0;
    this.object = new THREE.Mesh(geometry, solid);
    this.object.frustumCulled = false;
  }

  set(energy: Float32Array | null, look: Look): void {
    const hits: number[] = [];
    energy?.forEach((value, cell) => {
      if (value > 0 && value >= look.threshold) hits.push(cell);
    });
    this.hits = Uint32Array.from(hits);
    this.shades = new Float32Array(4 * hits.length);
    hits.forEach((cell, i) => {
      const t = place(energy![cell], look.low, look.high);
      const layer = this.mesh.layerOf[cell];
      const fade = layer < look.first || layer > look.last ? look.faded : 1;
      this.shades.set([...colour(t), (0.1 + 0.85 * t * t) * fade], 4 * i);
    });
  }

  /** Puts the cells in order from far to near, as transparent ones must be drawn. */
  sort(camera: THREE.Camera): void {
    const way = new THREE.Vector3();
    camera.getWorldDirection(way);
    const local = this.object.parent!.worldToLocal(this.object.parent!.position.clone().add(way)).sub(
      this.object.parent!.worldToLocal(this.object.parent!.position.clone()),
    );
    const depth = Float32Array.from(this.hits, (cell) => {
      const [x, y, z] = this.mesh.centre(cell);
      return x * local.x + y * local.y + z * local.z;
    });
    const order = Uint32Array.from(depth.keys()).sort((a, b) => depth[b] - depth[a]);
    this.write(order, (i) => this.shades.subarray(4 * i, 4 * i + 4));
  }

  private write(order: Iterable<number>, shade: (i: number) => ArrayLike<number>): void {
    const { across, along, shade: shades } = this.buffers;
    let at = 0;
    for (const i of order) {
      const span = this.mesh.spans.subarray(6 * this.hits[i], 6 * this.hits[i] + 6);
      across.array.set(span.subarray(0, 4), 4 * at);
      along.array.set(span.subarray(4), 2 * at);
      shades.array.set(shade(i), 4 * at);
      at += 1;
    }
    for (const buffer of Object.values(this.buffers)) buffer.needsUpdate = true;
    (this.object.geometry as THREE.InstancedBufferGeometry).instanceCount = at;
  }

  /** Draws numbers of cells for colours, of those cells that are not faded. */
  paintNumbers(look: Look): void {
    const open = [...this.hits.keys()].filter((i) => {
      const layer = this.mesh.layerOf[this.hits[i]];
      return layer >= look.first && layer <= look.last;
    });
    this.object.material = this.pick;
    this.write(open, (i) => {
      const number = this.hits[i] + 1;
      return [(number & 255) / 255, ((number >> 8) & 255) / 255, ((number >> 16) & 255) / 255, 1];
    });
  }

  paintColours(camera: THREE.Camera): void {
    this.object.material = this.solid;
    this.sort(camera);
  }
}
