// The showers in space: one canvas over both panels, one camera, cells drawn as instances of one small block.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { colour, place } from "./colour";
import type { Mesh } from "./mesh";
import type { Incident } from "./payload";

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

/** The hit cells of one shower, ready to draw. */
class Cells {
  readonly object: THREE.Mesh;
  private hits = new Uint32Array(0);
  private shades = new Float32Array(0);
  private readonly buffers: Record<"across" | "along" | "shade", THREE.InstancedBufferAttribute>;

  constructor(
    private readonly mesh: Mesh,
    block: THREE.BufferGeometry,
    private readonly solid: THREE.ShaderMaterial,
    private readonly pick: THREE.ShaderMaterial,
  ) {
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

/** One of the two panels. */
class Panel {
  readonly scene = new THREE.Scene();
  readonly cells: Cells;
  readonly marked: THREE.LineSegments;
  readonly beam: THREE.LineSegments;

  constructor(
    readonly element: HTMLElement,
    cells: Cells,
    outline: THREE.BufferGeometry,
    lines: THREE.LineBasicMaterial,
    ink: THREE.LineBasicMaterial,
  ) {
    const world = new THREE.Group();
    world.rotation.y = Math.PI / 2; // depth runs from left to right
    this.cells = cells;
    this.marked = new THREE.LineSegments(new THREE.BufferGeometry(), ink);
    this.beam = new THREE.LineSegments(new THREE.BufferGeometry(), ink);
    world.add(new THREE.LineSegments(outline, lines), cells.object, this.marked, this.beam);
    for (const object of world.children) object.frustumCulled = false;
    this.scene.add(world);
  }
}

export class Stage {
  private readonly renderer: THREE.WebGLRenderer;
  private readonly camera = new THREE.PerspectiveCamera(35, 1, 1, 1e5);
  private readonly controls: OrbitControls;
  private readonly panels: Panel[];
  private readonly lines = new THREE.LineBasicMaterial({ transparent: true, opacity: 0.3, depthWrite: false });
  private readonly ink = new THREE.LineBasicMaterial({ depthTest: false });
  private readonly middle: THREE.Vector3;
  private waiting = false;
  private sorted = true;
  look: Look;

  constructor(
    private readonly element: HTMLElement,
    canvas: HTMLCanvasElement,
    panels: HTMLElement[],
    private readonly mesh: Mesh,
    look: Look,
    private readonly reach: number,
    hits: number,
    private readonly frame: "axis" | "detector",
    picked: (cell: number) => void,
  ) {
    this.look = look;
    this.renderer = new THREE.WebGLRenderer({ canvas, alpha: true, antialias: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
    this.renderer.autoClear = false;
    const [near, far] = mesh.depth;
    this.middle = new THREE.Vector3((near + far) / 2, 0, 0);
    const pieces = Math.max(1, Math.min(Math.ceil(64 / mesh.fewestSectors), Math.floor(TRIANGLES / 8 / Math.max(1, hits))));
    const block = new THREE.BoxGeometry(1, 1, 1, 1, mesh.boxes ? 1 : pieces, 1).translate(0.5, 0.5, 0.5);
    const uniforms = { boxes: { value: mesh.boxes ? 1 : 0 } };
    const solid = new THREE.ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms,
      transparent: true,
      depthWrite: false,
    });
    const pick = new THREE.ShaderMaterial({ vertexShader: VERTEX, fragmentShader: PICK, uniforms, blending: THREE.NoBlending });
    const outline = outlineOf(mesh);
    this.panels = panels.map((panel) => new Panel(panel, new Cells(mesh, block, solid, pick), outline, this.lines, this.ink));
    this.controls = new OrbitControls(this.camera, element);
    this.controls.addEventListener("change", () => this.draw(true));
    this.controls.zoomToCursor = false;
    this.home();
    let pressed: [number, number] = [0, 0];
    element.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
    element.addEventListener("pointerup", (event) => {
      if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return;
      picked(this.cellAt(event.clientX, event.clientY));
    });
    new ResizeObserver(() => this.resize()).observe(element);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.dress());
    this.dress();
    this.resize();
  }

  /** Colours of the lines, from the style sheet. */
  private dress(): void {
    const style = getComputedStyle(document.documentElement);
    this.lines.color.set(style.getPropertyValue("--line").trim());
    this.ink.color.set(style.getPropertyValue("--ink").trim());
    this.draw(false);
  }

  home(): void {
    const size = Math.max(this.mesh.depth[1] - this.mesh.depth[0], 2 * this.reach);
    this.camera.near = size / 100;
    this.camera.far = size * 100;
    this.controls.target.copy(this.middle);
    this.controls.minDistance = size / 20;
    this.controls.maxDistance = size * 20;
    this.camera.position.set(-0.75, 0.55, 1.15).multiplyScalar(1.3 * size).add(this.middle);
    this.controls.update();
    this.draw(true);
  }

  turn(right: number, up: number): void {
    const place = this.camera.position.clone().sub(this.controls.target);
    const ball = new THREE.Spherical().setFromVector3(place);
    ball.theta += right;
    ball.phi = Math.min(Math.PI - 0.01, Math.max(0.01, ball.phi + up));
    this.camera.position.setFromSpherical(ball).add(this.controls.target);
    this.controls.update();
    this.draw(true);
  }

  zoom(factor: number): void {
    this.camera.position.sub(this.controls.target).multiplyScalar(factor).add(this.controls.target);
    this.controls.update();
    this.draw(true);
  }

  show(panel: number, energy: Float32Array | null, incident: Incident | null): void {
    this.panels[panel].cells.set(energy, this.look);
    this.panels[panel].beam.geometry.dispose();
    this.panels[panel].beam.geometry = incident ? beamOf(this.mesh, incident, this.frame) : new THREE.BufferGeometry();
    this.draw(true);
  }

  mark(cell: number): void {
    for (const panel of this.panels) {
      panel.marked.geometry.dispose();
      panel.marked.geometry = cell < 0 ? new THREE.BufferGeometry() : edgesOf(this.mesh, cell);
    }
    this.draw(false);
  }

  private resize(): void {
    const { width, height } = this.element.getBoundingClientRect();
    if (width < 1 || height < 1) return;
    this.renderer.setSize(width, height, false);
    this.draw(false);
  }

  private draw(sort: boolean): void {
    this.sorted &&= !sort;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.render();
    });
  }

  private viewport(panel: Panel): [number, number, number, number] {
    const whole = this.element.getBoundingClientRect();
    const part = panel.element.getBoundingClientRect();
    return [part.left - whole.left, whole.bottom - part.bottom, part.width, part.height];
  }

  private render(): void {
    this.renderer.setScissorTest(false);
    this.renderer.clear();
    this.renderer.setScissorTest(true);
    for (const panel of this.panels) {
      const [x, y, width, height] = this.viewport(panel);
      if (width < 1) continue;
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      panel.scene.updateMatrixWorld();
      if (!this.sorted) panel.cells.sort(this.camera);
      this.renderer.setViewport(x, y, width, height);
      this.renderer.setScissor(x, y, width, height);
      this.renderer.render(panel.scene, this.camera);
    }
    this.sorted = true;
  }

  /** The cell that is drawn at a place of the window, or -1. */
  private cellAt(clientX: number, clientY: number): number {
    const panel = this.panels.find(({ element }) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return clientX >= left && clientX < right && clientY >= top && clientY < bottom;
    });
    if (!panel) return -1;
    const { left, top, width, height } = panel.element.getBoundingClientRect();
    const target = new THREE.WebGLRenderTarget(1, 1);
    const others = panel.scene.children[0].children.filter((object) => object !== panel.cells.object && object.visible);
    others.forEach((object) => (object.visible = false));
    panel.cells.paintNumbers(this.look);
    this.camera.aspect = width / height;
    this.camera.setViewOffset(width, height, clientX - left, clientY - top, 1, 1);
    this.camera.updateProjectionMatrix();
    this.renderer.setRenderTarget(target);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, 1, 1);
    this.renderer.clear();
    this.renderer.render(panel.scene, this.camera);
    const pixel = new Uint8Array(4);
    this.renderer.readRenderTargetPixels(target, 0, 0, 1, 1, pixel);
    this.renderer.setRenderTarget(null);
    target.dispose();
    this.camera.clearViewOffset();
    others.forEach((object) => (object.visible = true));
    panel.cells.paintColours(this.camera);
    this.draw(true);
    return pixel[0] + 256 * pixel[1] + 65536 * pixel[2] - 1;
  }
}

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
function edgesOf(mesh: Mesh, cell: number): THREE.BufferGeometry {
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
function outlineOf(mesh: Mesh): THREE.BufferGeometry {
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
function beamOf(mesh: Mesh, { theta, phi }: Incident, frame: "axis" | "detector"): THREE.BufferGeometry {
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
