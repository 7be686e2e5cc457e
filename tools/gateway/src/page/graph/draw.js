// One frame of the drawing: rings, edges, nodes by their size on the screen, chips.

import { placeLabels } from "./labels.js";
import { letterOf, outline } from "./look.js";
import { count } from "../lib/format.js";

const FADED = 0.75,
  FONT = "system-ui, sans-serif";

/** The radius of a node in the drawing, before zoom: more neighbours, larger. */
const radiusOf = (node, near) => 5.5 + Math.min(7.5, Math.sqrt(near) * 1.1);

function drawRings(ctx, scene, { k, x, y }) {
  const { rings, ink } = scene;
  ctx.lineWidth = 1;
  rings.forEach((radius, depth) => {
    if (!depth || !radius) return;
    const cut = scene.cutAt != null && depth >= scene.cutAt;
    ctx.setLineDash(cut ? [8, 6] : []);
    ctx.strokeStyle = cut ? ink.edge : ink.line;
    ctx.beginPath();
    ctx.arc(x, y, radius * k, 0, 2 * Math.PI);
    ctx.stroke();
  });
  ctx.setLineDash([]);
}

function nameRings(ctx, scene, { k, x, y }) {
  ctx.textAlign = "center";
  ctx.font = `550 11px ${FONT}`;
  scene.rings.forEach((radius, depth) => {
    if (depth && radius)
      halo(
        ctx,
        scene.ink,
        `depth ${depth}${scene.cutAt != null && depth >= scene.cutAt ? ", cut" : ""}`,
        x,
        y - radius * k + 4,
        scene.ink["text-3"],
      );
  });
}

function bend(ctx, from, to, offset) {
  const mx = (from.sx + to.sx) / 2,
    my = (from.sy + to.sy) / 2,
    d = Math.hypot(to.sx - from.sx, to.sy - from.sy) || 1;
  const cx = mx - ((to.sy - from.sy) / d) * offset,
    cy = my + ((to.sx - from.sx) / d) * offset;
  ctx.moveTo(from.sx, from.sy);
  ctx.quadraticCurveTo(cx, cy, to.sx, to.sy);
  return [(mx + cx) / 2, (my + cy) / 2];
}

function head(ctx, from, to, size) {
  const angle = Math.atan2(to.sy - from.sy, to.sx - from.sx),
    x = to.sx - Math.cos(angle) * (to.r + 1),
    y = to.sy - Math.sin(angle) * (to.r + 1);
  ctx.moveTo(x, y);
  ctx.lineTo(x - size * Math.cos(angle - 0.4), y - size * Math.sin(angle - 0.4));
  ctx.lineTo(x - size * Math.cos(angle + 0.4), y - size * Math.sin(angle + 0.4));
  ctx.closePath();
}

function pill(ctx, ink, text, x, y, dashed = false) {
  ctx.font = `620 ${dashed ? 12 : 11}px ${FONT}`;
  const width = ctx.measureText(text).width + (dashed ? 16 : 10),
    height = dashed ? 22 : 16;
  ctx.fillStyle = ink.panel;
  ctx.strokeStyle = ink.edge;
  ctx.lineWidth = 1;
  ctx.setLineDash(dashed ? [3, 3] : []);
  ctx.beginPath();
  ctx.roundRect(x - width / 2, y - height / 2, width, height, dashed ? 11 : 3);
  ctx.fill();
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = ink.text;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, x, y + 0.5);
  ctx.textBaseline = "alphabetic";
  return { x: x - width / 2, y: y - height / 2, width, height };
}

function edgeLooks(scene) {
  // Widths of parallel edges in four steps, strong and faded: eight paths for all edges. Of a blast radius the tree is strong: it says how the change gets there.
  const { nodes } = scene.model,
    paths = Array.from({ length: 8 }, () => new Path2D()),
    heads = [new Path2D(), new Path2D()];
  const isTree = ({ a, b }) => nodes.get(a).parent === b || nodes.get(b).parent === a;
  const strong = scene.blast ? isTree : (edge) => scene.strong(edge.a) && scene.strong(edge.b);
  return { paths, heads, of: (edge) => Math.min(4, edge.count) - 1 + (strong(edge) ? 0 : 4) };
}

function drawEdges(ctx, scene, k) {
  const { model, ink, path } = scene,
    looks = edgeLooks(scene),
    pills = [];
  const onScreen = (a, b) =>
    Math.max(a.sx, b.sx) > 0 &&
    Math.min(a.sx, b.sx) < scene.width &&
    Math.max(a.sy, b.sy) > 0 &&
    Math.min(a.sy, b.sy) < scene.height;
  for (const edge of model.edges.values()) {
    const a = model.nodes.get(edge.a),
      b = model.nodes.get(edge.b);
    if (path.edges.has(edge.key) || scene.fan.has(edge.key) || !onScreen(a, b)) continue;
    const look = looks.of(edge),
      line = looks.paths[look];
    if (a === b) {
      line.moveTo(a.sx + 9, a.sy - a.r - 7);
      line.arc(a.sx, a.sy - a.r - 7, 9, 0, 2 * Math.PI);
      continue;
    }
    line.moveTo(a.sx, a.sy);
    line.lineTo(b.sx, b.sy);
    if (k >= 0.8) {
      const heads = looks.heads[look > 3 ? 1 : 0];
      if (edge.forth) head(heads, a, b, 6);
      if (edge.back) head(heads, b, a, 6);
    }
    if (edge.count > 1 && k >= 0.8 && look < 4 && !scene.blast && pills.length < 60) {
      const x = (a.sx + b.sx) / 2,
        y = (a.sy + b.sy) / 2;
      if (!pills.some((other) => Math.abs(other[1] - x) < 30 && Math.abs(other[2] - y) < 18))
        pills.push([`×${edge.count}`, x, y]);
    }
  }
  ctx.strokeStyle = ctx.fillStyle = ink.edge;
  looks.paths.forEach((line, index) => {
    const n = (index % 4) + 1;
    ctx.lineWidth = n === 1 || k < 0.5 ? 1 : 0.9 + 0.7 * n;
    ctx.globalAlpha = 0.6 * (index > 3 ? (scene.blast ? 0.2 : FADED) : 1);
    ctx.stroke(line);
  });
  looks.heads.forEach((shape, index) => {
    ctx.globalAlpha = index ? FADED * 0.7 : 0.8;
    ctx.fill(shape);
  });
  ctx.globalAlpha = 1;
  for (const [text, x, y] of pills) pill(ctx, ink, text, x, y);
}

/** Edges that are looked at: fanned out, with their types. */
function drawFans(ctx, scene) {
  const { model, ink } = scene;
  ctx.font = `11px ${FONT}`;
  ctx.textAlign = "center";
  for (const key of scene.fan) {
    const edge = model.edges.get(key);
    if (!edge) continue;
    const a = model.nodes.get(edge.a),
      b = model.nodes.get(edge.b),
      types = [...edge.types].slice(0, 5);
    types.forEach(([name, n], index) => {
      const [from, to] = name[0] === ">" ? [a, b] : [b, a];
      ctx.strokeStyle = ctx.fillStyle = ink.edge;
      ctx.lineWidth = 1.4;
      ctx.beginPath();
      const offset = (index - (types.length - 1) / 2) * 26 * (from === a ? 1 : -1);
      const [x, y] = a === b ? [a.sx, a.sy - a.r - 20 - 12 * index] : bend(ctx, from, to, offset);
      if (a === b) ctx.arc(a.sx, a.sy - a.r - 7, 9, 0, 2 * Math.PI);
      ctx.stroke();
      if (a !== b) {
        ctx.beginPath();
        head(ctx, from, to, 7);
        ctx.fill();
      }
      if (a === b || Math.hypot(a.sx - b.sx, a.sy - b.sy) > 70)
        halo(ctx, scene.ink, `${name.slice(1, 29)}${n > 1 ? ` ×${n}` : ""}`, x, y, ink["text-2"]);
    });
  }
}

function halo(ctx, ink, text, x, y, colour) {
  ctx.lineWidth = 3;
  ctx.strokeStyle = ink.ground;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

function drawPath(ctx, scene) {
  const { model, ink, path } = scene;
  ctx.strokeStyle = ctx.fillStyle = ink.accent;
  ctx.lineWidth = 3;
  path.ids.slice(1).forEach((id, index) => {
    const a = model.nodes.get(path.ids[index]),
      b = model.nodes.get(id);
    if (!a || !b) return;
    ctx.beginPath();
    ctx.moveTo(a.sx, a.sy);
    ctx.lineTo(b.sx, b.sy);
    ctx.stroke();
    ctx.beginPath();
    head(ctx, a, b, 11);
    ctx.fill();
  });
}

function drawNodes(ctx, scene) {
  const { model, ink, blast } = scene,
    groups = new Map(),
    letters = [];
  for (const node of model.nodes.values()) {
    if (node.sx < -40 || node.sy < -40 || node.sx > scene.width + 40 || node.sy > scene.height + 40) continue;
    const colour = model.colour(node.label),
      tone = blast ? Math.min(4, node.depth ?? 4) : colour,
      strong = scene.strong(node.id),
      key = tone + (strong ? 0 : 16);
    if (!groups.has(key)) groups.set(key, new Path2D());
    const shape = groups.get(key);
    if (node.r < 3) shape.rect(node.sx - node.r, node.sy - node.r, 2 * node.r, 2 * node.r);
    else outline(shape, colour, node.sx, node.sy, node.r);
    const number = scene.path.ids.indexOf(node.id) + 1;
    if (node.r >= 8 || number)
      letters.push([node, number ? String(number) : blast ? String(node.depth ?? "") : letterOf(node.label), tone]);
  }
  for (const [key, shape] of groups) {
    const tone = key & 15;
    ctx.globalAlpha = key > 15 ? FADED : 1;
    ctx.fillStyle = blast ? ink.depths[tone] : ink.labels[tone];
    ctx.fill(shape);
    if (blast && tone > 2) {
      ctx.strokeStyle = ink.edge;
      ctx.lineWidth = 1;
      ctx.stroke(shape);
    }
  }
  ctx.globalAlpha = 1;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const [node, letter, tone] of letters) {
    ctx.font = `620 ${Math.max(9, Math.min(13, node.r))}px ${FONT}`;
    ctx.fillStyle = blast && tone > 2 ? ink.text : ink.panel;
    ctx.fillText(letter, node.sx, node.sy + 1);
  }
  ctx.textBaseline = "alphabetic";
}

function drawMarks(ctx, scene) {
  const { model, ink } = scene;
  const ring = (id, width, gap) => {
    const node = model.nodes.get(id);
    if (!node) return;
    ctx.lineWidth = width;
    ctx.strokeStyle = ink.accent;
    ctx.beginPath();
    ctx.arc(node.sx, node.sy, node.r + gap, 0, 2 * Math.PI);
    ctx.stroke();
  };
  for (const id of scene.chosen) ring(id, 1.5, 4);
  if (scene.selected != null) ring(scene.selected, 2.5, 5);
  if (scene.hovered != null && scene.hovered !== scene.selected) ring(scene.hovered, 1, 4);
  for (const node of model.nodes.values()) {
    if (!node.pinned || node.r < 3) continue;
    ctx.fillStyle = ink.text;
    ctx.beginPath();
    ctx.arc(node.sx + node.r * 0.8, node.sy - node.r * 0.8, 2.2, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** Chips of what is folded: their places are kept, to be clicked. */
function drawChips(ctx, scene) {
  const chips = [];
  for (const node of scene.model.nodes.values()) {
    const more = scene.blast ? 0 : scene.model.folded(node);
    if (!more || node.sx < 0 || node.sy < 0 || node.sx > scene.width || node.sy > scene.height) continue;
    // Away from the middle of the drawing, where there is room.
    const away = Math.atan2(node.sy - scene.height / 2, node.sx - scene.width / 2) || -1.2,
      far = node.r + 44,
      x = node.sx + Math.cos(away) * far * 1.3,
      y = node.sy + Math.sin(away) * far;
    ctx.strokeStyle = scene.ink.edge;
    ctx.lineWidth = 1;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(node.sx, node.sy);
    ctx.lineTo(x, y);
    ctx.stroke();
    ctx.setLineDash([]);
    const text = node.inexact ? "10,000+ more" : `+${count(more)} more`;
    chips.push({ id: node.id, ...pill(ctx, scene.ink, text, x, y, true), focused: scene.chip === node.id });
    if (scene.chip === node.id) {
      const box = chips.at(-1);
      ctx.strokeStyle = scene.ink.accent;
      ctx.lineWidth = 2;
      ctx.strokeRect(box.x - 3, box.y - 3, box.width + 6, box.height + 6);
    }
  }
  return chips;
}

/** Draws `scene`; returns the chips with their places on the screen. */
export function draw(ctx, scene, view) {
  const { width, height, ink, model } = scene;
  ctx.setTransform(scene.ratio, 0, 0, scene.ratio, 0, 0);
  ctx.globalAlpha = 1;
  ctx.fillStyle = ink.ground;
  ctx.fillRect(0, 0, width, height);
  for (const node of model.nodes.values()) {
    node.sx = node.x * view.k + view.x;
    node.sy = node.y * view.k + view.y;
    node.r = Math.max(
      1.5,
      radiusOf(node, model.near.get(node.id).size) * Math.min(1.6, view.k) + (scene.path.set.has(node.id) ? 2 : 0),
    );
  }
  if (scene.rings) drawRings(ctx, scene, view);
  drawEdges(ctx, scene, view.k);
  drawFans(ctx, scene);
  drawPath(ctx, scene);
  const chips = drawChips(ctx, scene);
  drawNodes(ctx, scene);
  drawMarks(ctx, scene);
  if (scene.rings) nameRings(ctx, scene, view);
  placeLabels(ctx, scene, chips, halo);
  if (scene.box) {
    ctx.strokeStyle = ink.accent;
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 3]);
    ctx.strokeRect(...scene.box);
    ctx.setLineDash([]);
  }
  return chips;
}
