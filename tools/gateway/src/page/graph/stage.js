// The canvas: what part of the drawing is in view, what the pointer touches, when a frame is drawn.

import { draw } from "./draw.js";
import { colours } from "./look.js";

const REACH = 6,
  LEAST = 0.05,
  MOST = 4;

export class Stage {
  /** `state.scene()` tells what is drawn; `actions` is told what the pointer does. */
  constructor(canvas, state, actions, signal) {
    Object.assign(this, {
      canvas,
      state,
      actions,
      view: { k: 1, x: 0, y: 0 },
      chips: [],
      pointers: new Map(),
      drag: null,
      box: null,
      width: 0,
      height: 0,
      moved: false,
      ink: colours(),
      frame: 0,
    });
    this.ctx = canvas.getContext("2d", { alpha: false });
    canvas.kept = ["width", "height"];
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(canvas);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.frame);
    });
    const theme = () => {
      this.ink = colours();
      this.request();
    };
    addEventListener("themechange", theme, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme, { signal });
    for (const [name, work] of Object.entries({
      pointerdown: this.down,
      pointermove: this.move,
      pointerup: this.up,
      pointercancel: this.up,
      pointerleave: () => this.hover(null),
      dblclick: this.double,
    }))
      canvas.addEventListener(name, work.bind(this), { signal });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
      },
      { passive: false, signal },
    );
    canvas.addEventListener(
      "contextmenu",
      (event) => {
        const node = this.hit(event.offsetX, event.offsetY);
        if (node) {
          event.preventDefault();
          actions.select(node.id);
        }
      },
      { signal },
    );
    this.resize();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const first = !this.width;
    if (!first) {
      this.view.x += (width - this.width) / 2;
      this.view.y += (height - this.height) / 2;
    }
    const ratio = Math.min(2, devicePixelRatio || 1);
    Object.assign(this, { width, height, ratio });
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    if (first) this.fit();
    this.render();
  }

  request() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  render() {
    if (!this.width) return;
    const scene = {
      ...this.state.scene(),
      ink: this.ink,
      width: this.width,
      height: this.height,
      ratio: this.ratio,
      box: this.box,
    };
    this.chips = draw(this.ctx, scene, this.view);
  }

  /** Keeps all of it in view, until the reader moves the view by hand. */
  settle() {
    if (this.moved) this.request();
    else this.fit();
  }

  /** All of it, with the names that stand beside. */
  fit() {
    this.moved = false;
    const nodes = [...this.state.model.nodes.values()];
    if (!nodes.length || !this.width) {
      Object.assign(this.view, { k: 1, x: this.width / 2, y: this.height / 2 });
      return this.changed();
    }
    const xs = nodes.map((node) => node.x),
      ys = nodes.map((node) => node.y),
      reduce = (list, way) => list.reduce((a, b) => way(a, b));
    const [left, right, top, bottom] = [
      reduce(xs, Math.min),
      reduce(xs, Math.max),
      reduce(ys, Math.min),
      reduce(ys, Math.max),
    ];
    const k = Math.max(
      LEAST,
      Math.min(
        1.6,
        (this.width - Math.min(220, this.width * 0.35)) / Math.max(right - left, 60),
        (this.height - 150) / Math.max(bottom - top, 60),
      ),
    );
    Object.assign(this.view, {
      k,
      x: this.width / 2 - ((left + right) / 2) * k,
      y: this.height / 2 + 14 - ((top + bottom) / 2) * k,
    });
    this.changed();
  }

  changed() {
    this.request();
    this.actions.zoomed?.(this.view.k);
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.moved = true;
    const { view } = this,
      k = Math.max(LEAST, Math.min(MOST, view.k * factor)),
      by = k / view.k;
    Object.assign(view, { k, x: x - (x - view.x) * by, y: y - (y - view.y) * by });
    this.changed();
  }

  pan(dx, dy) {
    this.moved = true;
    this.view.x += dx;
    this.view.y += dy;
    this.request();
  }

  /** Moves the view only if the node is not in it. */
  reveal(node) {
    if (!node || !this.width || !this.moved) return;
    const x = node.x * this.view.k + this.view.x,
      y = node.y * this.view.k + this.view.y;
    if (x < 30 || y < 60 || x > this.width - 30 || y > this.height - 30)
      this.pan(this.width / 2 - x, this.height / 2 - y);
  }

  hit(x, y) {
    let best = null,
      nearest = Infinity;
    for (const node of this.state.model.nodes.values()) {
      const far = Math.hypot(node.sx - x, node.sy - y) - node.r;
      if (far < REACH && far < nearest) {
        best = node;
        nearest = far;
      }
    }
    return best;
  }

  chipAt(x, y) {
    return this.chips.find(
      (chip) => x >= chip.x && x <= chip.x + chip.width && y >= chip.y && y <= chip.y + chip.height,
    );
  }

  hover(node) {
    this.canvas.style.cursor = node ? "pointer" : "";
    if ((node?.id ?? null) !== this.state.hovered) {
      this.state.hovered = node?.id ?? null;
      this.request();
    }
  }

  down(event) {
    const [x, y] = [event.offsetX, event.offsetY];
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    if (this.pointers.size === 2) {
      this.drag = null;
      return;
    }
    const node = this.hit(x, y);
    this.drag = { node, x, y, far: 0, chip: node ? null : this.chipAt(x, y), rectangle: event.shiftKey && !node };
  }

  move(event) {
    const [x, y] = [event.offsetX, event.offsetY],
      before = this.pointers.get(event.pointerId);
    if (!before) return this.hover(this.hit(x, y) ?? null);
    if (this.pointers.size === 2) return this.pinch(event.pointerId, x, y);
    this.pointers.set(event.pointerId, [x, y]);
    if (!this.drag) return;
    this.drag.far += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    if (this.drag.far < 4) return;
    const { node, rectangle } = this.drag;
    if (rectangle)
      this.box = [
        Math.min(x, this.drag.x),
        Math.min(y, this.drag.y),
        Math.abs(x - this.drag.x),
        Math.abs(y - this.drag.y),
      ];
    else if (node) {
      node.dragged = true;
      node.x = (x - this.view.x) / this.view.k;
      node.y = (y - this.view.y) / this.view.k;
    } else return this.pan(x - before[0], y - before[1]);
    this.request();
  }

  pinch(id, x, y) {
    const [other] = [...this.pointers].find(([each]) => each !== id),
      [ox, oy] = this.pointers.get(other),
      [bx, by] = this.pointers.get(id);
    this.pointers.set(id, [x, y]);
    this.zoom(Math.hypot(x - ox, y - oy) / Math.max(1, Math.hypot(bx - ox, by - oy)), (x + ox) / 2, (y + oy) / 2);
    this.pan((x - bx) / 2, (y - by) / 2);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    const { drag } = this;
    if (!drag || this.pointers.size) return;
    this.drag = null;
    if (drag.node?.dragged) {
      drag.node.dragged = false;
      this.actions.pin(drag.node.id, true);
    } else if (drag.far < 4) {
      if (drag.chip) this.actions.chip(drag.chip.id);
      else this.actions.select(drag.node?.id ?? null);
    } else if (drag.rectangle && this.box) {
      const [left, top, width, height] = this.box;
      this.actions.choose(
        [...this.state.model.nodes.values()]
          .filter((node) => node.sx >= left && node.sx <= left + width && node.sy >= top && node.sy <= top + height)
          .map((node) => node.id),
      );
    }
    this.box = null;
    this.request();
  }

  double(event) {
    const node = this.hit(event.offsetX, event.offsetY);
    if (node) this.actions.expand(node.id);
  }

  /** The drawn node that is nearest to `id` in a direction; without `id` the one in the middle. */
  towards(id, dx, dy) {
    const from = this.state.model.nodes.get(id),
      others = [...this.state.model.nodes.values()].filter((node) => node.id !== id);
    if (!from)
      return others.sort(
        (a, b) =>
          Math.hypot(a.sx - this.width / 2, a.sy - this.height / 2) -
          Math.hypot(b.sx - this.width / 2, b.sy - this.height / 2),
      )[0];
    const near = this.state.model.near.get(id),
      cost = (node) => {
        const along = (node.x - from.x) * dx + (node.y - from.y) * dy,
          across = Math.abs((node.x - from.x) * dy - (node.y - from.y) * dx);
        return along <= across * 0.6 ? Infinity : (along + 2 * across) * (near.has(node.id) ? 0.6 : 1);
      };
    const [best] = others.map((node) => [cost(node), node]).sort((a, b) => a[0] - b[0]);
    return best && best[0] < Infinity ? best[1] : null;
  }
}
