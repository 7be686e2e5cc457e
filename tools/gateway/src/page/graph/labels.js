// Names in the drawing: the most important first, in the first of four places where nothing is covered.

import { visible } from "../lib/names.js";

const MOST = 26,
  LETTERS = 28,
  LINE = 14;
const widths = new Map();

function widthOf(ctx, text) {
  let width = widths.get(ctx.font + text);
  if (width === undefined) {
    if (widths.size > 5000) widths.clear();
    widths.set(ctx.font + text, (width = ctx.measureText(text).width));
  }
  return width;
}

function shortened(id) {
  const letters = [...visible(id)];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS - 1).join("")}…` : letters.join("");
}

const meets = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Nodes in cells of the screen, so that a label asks only those nearby. */
function occupied(nodes) {
  const cells = new Map(),
    size = 48;
  for (const node of nodes) {
    const key = `${Math.floor(node.sx / size)},${Math.floor(node.sy / size)}`;
    (cells.get(key) ?? cells.set(key, []).get(key)).push(node);
  }
  return (box, own) => {
    for (let x = Math.floor((box.x - 16) / size); x <= Math.floor((box.x + box.width + 16) / size); x++) {
      for (let y = Math.floor((box.y - 16) / size); y <= Math.floor((box.y + box.height + 16) / size); y++) {
        for (const node of cells.get(`${x},${y}`) ?? []) {
          if (
            node !== own &&
            node.sx + node.r > box.x &&
            node.sx - node.r < box.x + box.width &&
            node.sy + node.r > box.y &&
            node.sy - node.r < box.y + box.height
          )
            return true;
        }
      }
    }
    return false;
  };
}

export function placeLabels(ctx, scene, chips, halo) {
  const { model, path } = scene,
    inView = [...model.nodes.values()].filter(
      (node) => node.sx > -20 && node.sy > -20 && node.sx < scene.width + 20 && node.sy < scene.height + 20,
    );
  const always = (node) => node.id === scene.hovered || node.id === scene.selected;
  const rank = (node) =>
    (always(node) ? 4e6 : path.set.has(node.id) ? 3e6 : node.pinned ? 2e6 : 0) +
    (scene.strong(node.id) ? 1e6 : 0) * (scene.selected != null ? 0.5 : 0) +
    model.near.get(node.id).size;
  const wanted = inView
    .filter((node) => node.r >= 3 || always(node))
    .map((node) => [rank(node), node])
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3 * MOST);
  const taken = [...chips],
    covers = occupied(inView);
  let drawn = 0;
  ctx.textAlign = "left";
  for (const [importance, node] of wanted) {
    if (drawn >= MOST) break;
    const bold = importance >= 2e6 || model.near.get(node.id).size > 8,
      text = shortened(node.id);
    ctx.font = `${bold ? 620 : 400} 12px system-ui, sans-serif`;
    const width = widthOf(ctx, text),
      gap = node.r + 4;
    const places = [
      [node.sx - width / 2, node.sy + gap + 2],
      [node.sx + gap, node.sy - LINE / 2],
      [node.sx - gap - width, node.sy - LINE / 2],
      [node.sx - width / 2, node.sy - gap - LINE],
    ];
    const boxes = places.map(([x, y]) => ({ x, y, width, height: LINE }));
    const inside = (each) =>
      each.x > 2 && each.x + width < scene.width - 2 && each.y > 2 && each.y + LINE < scene.height - 2;
    const box =
      boxes.find((each) => inside(each) && !taken.some((other) => meets(each, other)) && !covers(each, node)) ??
      (always(node) ? (boxes.find(inside) ?? boxes[0]) : null);
    if (!box) continue;
    taken.push(box);
    drawn++;
    halo(ctx, scene.ink, text, box.x, box.y + 11, bold ? scene.ink.text : scene.ink["text-2"]);
  }
}
