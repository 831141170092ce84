// The showers in space: one canvas over both panels, and one camera for both.
import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { Cells, materialsOf, type Look } from "./cells";
import { beamOf, edgesOf, outlineOf } from "./lines";
import type { Mesh } from "./mesh";
import type { Incident } from "./payload";

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
    const materials = materialsOf(mesh, hits);
    const outline = outlineOf(mesh);
    this.panels = panels.map((panel) => new Panel(panel, new Cells(mesh, materials), outline, this.lines, this.ink));
    this.controls = new OrbitControls(this.camera, element);
    this.controls.addEventListener("change", () => this.draw(true));
    element.style.touchAction = "pan-y"; // a finger that moves up or down scrolls the page
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
